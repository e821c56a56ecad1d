"""Weights to NF4 codes, block by block."""

from __future__ import annotations

import itertools

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import check_floats
from conform_kernels._config import flat_tile
from conform_kernels.nf4_dequantize import NF4_VALUES, table

__all__ = ["nf4_quantize"]

LARGEST_BLOCK = 16384
# Below MIDPOINTS[n] the nearest value is the n-th or a lower one.
_MIDPOINTS = tuple((a + b) / 2 for a, b in itertools.pairwise(NF4_VALUES))


@triton.jit
def _quantize(w, midpoints, codes, absmax, sizes, stride, BLOCKS: tl.constexpr, SIZE: tl.constexpr):
    """Codes and largest magnitudes of BLOCKS blocks; sizes = (weights, block size, blocks)."""
    block = tl.program_id(0).to(tl.int64) * BLOCKS + tl.arange(0, BLOCKS)
    place = tl.arange(0, SIZE).to(tl.int64)[None, :]
    at = block[:, None] * sizes[1] + place
    keep = (place < sizes[1]) & (at < sizes[0])
    v = tl.load(w + at * stride, mask=keep, other=0.0).to(tl.float32)
    top = tl.max(tl.abs(v), 1)
    # Rounded to nearest, so that the largest magnitude becomes 1 exactly.
    v = tl.div_rn(v, tl.where(top > 0, top, 1.0)[:, None])
    code = tl.zeros([BLOCKS, SIZE], tl.int32)
    for n in range(15):
        code += (v > tl.load(midpoints + n)).to(tl.int32)
    tl.store(codes + at, code.to(tl.uint8), mask=keep)
    tl.store(absmax + block, top, mask=block < sizes[2])


def nf4_quantize(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """(codes uint8[n] of the NF4 values nearest to w / absmax, absmax float32[blocks]) of w[n].

    w float32, bfloat16 or float16, any stride; absmax is the largest |w| of each block of
    block_size (1 to 16384), the last of which may be short; a block of zeros has absmax 0 and codes
    7. Each weight is read once. Not differentiable. Source: Dettmers et al. 2023, arXiv:2305.14314,
    section 3 and appendix E.
    """
    check_floats(w=w)
    if w.dim() != 1 or w.numel() < 1:
        raise ValueError(f"w.shape={tuple(w.shape)}; expected (n,), n at least 1")
    if not 1 <= block_size <= LARGEST_BLOCK:
        raise ValueError(f"block_size={block_size}; expected 1 to {LARGEST_BLOCK}")
    blocks, tile = triton.cdiv(w.numel(), block_size), flat_tile()
    codes = torch.empty(w.numel(), dtype=torch.uint8, device=w.device)
    absmax = torch.empty(blocks, dtype=torch.float32, device=w.device)
    size = triton.next_power_of_2(block_size)
    together = max(1, tile.elements // size)
    _quantize[(triton.cdiv(blocks, together),)](
        w.detach(), table(_MIDPOINTS, w.device), codes, absmax,
        (w.numel(), block_size, blocks), w.stride(0),
        BLOCKS=together, SIZE=size, num_warps=tile.num_warps,
    )  # fmt: skip
    return codes, absmax
