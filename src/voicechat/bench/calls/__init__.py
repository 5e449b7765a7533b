"""Simulated callers: they talk to a whole assistant in real time, and keep time by what they say and hear."""
