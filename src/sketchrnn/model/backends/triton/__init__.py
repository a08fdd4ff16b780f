"""Running cells on an NVIDIA GPU: Triton kernels between products, and cuDNN's own LSTM.

Triton comes with PyTorch for CUDA on Linux. Nothing here imports it before it is needed.
"""
