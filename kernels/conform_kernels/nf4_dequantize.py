"""NF4 codes back to floats."""

from __future__ import annotations

import functools

import torch
import triton
import triton.language as tl
from torch import Tensor

from conform_kernels._checks import FLOATS, check_device, check_shape
from conform_kernels._config import flat_tile

__all__ = ["nf4_dequantize"]

# Dettmers et al. 2023, arXiv:2305.14314, appendix E.
NF4_VALUES = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip
_CODES = (torch.uint8, torch.int32, torch.int64)


@triton.jit
def _dequantize(codes, values, absmax, out, count, block_size, strides, BLOCK: tl.constexpr):
    """out = values[code] absmax[i // block_size]; the 16 values lie in memory."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    code = tl.load(codes + at * strides[0], mask=at < count, other=7).to(tl.int64)
    scale = tl.load(absmax + at // block_size * strides[1], mask=at < count, other=0.0)
    # A code is four bits: what lies above them must not lead outside the table.
    value = tl.load(values + (code & 15))
    tl.store(out + at, value * scale.to(tl.float32), mask=at < count)


def nf4_dequantize(codes: Tensor, absmax: Tensor, *, block_size: int = 64) -> Tensor:
    """absmax of its block times the NF4 value of each code: float32[n].

    codes uint8, int32 or int64 [n], one a place, from 0 to 15 (only the low four bits count);
    absmax [ceil(n / block_size)] float32, bfloat16 or float16; any strides. Source: Dettmers et al.
    2023, arXiv:2305.14314, appendix E.
    """
    check_codes(codes, absmax, block_size)
    out = torch.empty(codes.numel(), dtype=torch.float32, device=codes.device)
    if codes.numel():
        tile = flat_tile()
        values = table(NF4_VALUES, codes.device)
        _dequantize[(triton.cdiv(codes.numel(), tile.elements),)](
            codes, values, absmax, out, codes.numel(), block_size,
            (codes.stride(0), absmax.stride(0)),
            BLOCK=tile.elements, num_warps=tile.num_warps,
        )  # fmt: skip
    return out


@functools.cache
def table(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Constants as float32 on the device, copied there once: a copy waits for the device."""
    return torch.tensor(values, dtype=torch.float32, device=device)


def check_codes(codes: Tensor, absmax: Tensor, block_size: int) -> None:
    """Raise ValueError unless codes[n] and absmax[ceil(n / block_size)] fit together."""
    check_device(codes=codes, absmax=absmax)
    if codes.dim() != 1 or codes.dtype not in _CODES:
        raise ValueError(
            f"codes={codes.dtype}{tuple(codes.shape)}; expected uint8[n], int32 or int64"
        )
    if absmax.dtype not in FLOATS:
        raise ValueError(f"absmax.dtype={absmax.dtype}; expected float32, bfloat16 or float16")
    if block_size < 1:
        raise ValueError(f"block_size={block_size}; expected at least 1")
    check_shape("absmax", absmax, (triton.cdiv(codes.numel(), block_size),))
