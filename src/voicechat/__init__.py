"""A self-hosted voice assistant you can interrupt."""
