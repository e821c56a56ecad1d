"""What kernels over matrices share."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def tile(base, row, col, rows, cols, strides):
    """base[row, col] in the inputs' dtype, zero outside."""
    where = base + row[:, None] * strides[0] + col[None, :] * strides[1]
    return tl.load(where, mask=(row[:, None] < rows) & (col[None, :] < cols), other=0.0)
