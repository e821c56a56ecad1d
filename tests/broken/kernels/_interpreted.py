"""Triton, interpreted where there is no GPU, with the interpreter's bfloat16 mended."""

import os

import torch

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")

import triton  # noqa: F401
import triton.language as tl  # noqa: F401

import conform_kernels  # noqa: F401
