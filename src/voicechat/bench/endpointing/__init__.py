"""When a turn ends: judges of it, compared on recordings whose pauses are known."""
