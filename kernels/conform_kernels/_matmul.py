"""What kernels over matrices share."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def tile(base, row, col, rows, cols, strides):
    """base[row, col] in the inputs' dtype, zero outside."""
    row, col = row[:, None].to(tl.int64), col[None, :].to(tl.int64)
    where = base + row * strides[0] + col * strides[1]
    return tl.load(where, mask=(row < rows) & (col < cols), other=0.0)
