"""Running cells on an NVIDIA GPU by Triton kernels; Triton is not imported before it is needed."""
