"""Triton kernels, usable without the checker. None yet: the package holds their place."""
