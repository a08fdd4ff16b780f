"""The cells unrolled in C, compiled on this machine at first use; never required."""
