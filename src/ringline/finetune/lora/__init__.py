"""The built-in trainer: a LoRA on a llama-shaped GGUF model, on the CPU, in numpy.

Everything here runs in a worker child. Why not PyTorch: its wheel on PyPI brings some gigabytes of CUDA
libraries, while a LoRA on a model of this size needs little more than matrix products, which numpy gives to
the same kind of BLAS. The weights are read as llama.cpp reads them, so an adapter needs no conversion.
"""
