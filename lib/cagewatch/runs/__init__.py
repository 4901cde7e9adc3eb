"""A run's folder: what is written into it, and what is read from it."""

from cagewatch.runs.write import FORMAT, run_folder

__all__ = ["FORMAT", "run_folder"]
