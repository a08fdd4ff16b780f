"""The version, below all else."""

__version__ = "0.1.0"
