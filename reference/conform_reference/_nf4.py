"""NormalFloat with 4 bits: quantisation by blocks, its scales, and a linear map over it."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._lora_linear import factors, reads, two_branches
from conform_reference.rounding import decide, mark

# Dettmers et al. 2023, arXiv:2305.14314, appendix E: quantiles of the normal distribution, evenly
# spaced in probability on either side of an exact zero, divided by the largest.
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip
LEVELS = 127  # of a scale's code on either side of the mean


def _blocks(x: Tensor, block_size: int) -> Tensor:
    """x[n] as [blocks, block_size], filled up with zeros."""
    _check.at_least("block_size", block_size, 1)
    _check.at_least("number of elements", x.numel(), 1)
    missing = -x.numel() % block_size
    return torch.cat([x, x.new_zeros(missing)]).reshape(-1, block_size)


def _spread(per_block: Tensor, block_size: int, count: int) -> Tensor:
    """One value for each block -> one for each element."""
    expected = -(-count // block_size)
    if tuple(per_block.shape) != (expected,):
        raise ValueError(
            f"scales of shape {tuple(per_block.shape)} for {count} codes in blocks of {block_size}:"
            f" expected {(expected,)}; pass the block_size that was quantised with"
        )
    return per_block.repeat_interleave(block_size)[:count]


def nf4_quantize(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """Codes uint8[n] of the NF4 values nearest to w / absmax, and absmax[blocks], for w[n].

    absmax is the largest |w| of each block of `block_size` (the last may be short). A block of
    zeros has absmax 0 and codes 7. absmax is float32, or wider where w is. Raises
    ValueError for no elements or a block size below 1.
    Source: arXiv:2305.14314, section 3 and eq. 1.
    """
    _check.rank("w", w, "n")
    blocks = _blocks(w.to(_check.compute_dtype(w)), block_size)
    absmax = blocks.abs().amax(1)
    scaled = blocks / torch.where(absmax > 0, absmax, 1.0).unsqueeze(1)
    table = torch.tensor(NF4, dtype=scaled.dtype)
    distance = (scaled.reshape(-1)[: w.numel()].unsqueeze(1) - table).abs()
    codes = decide("code", -distance, 1).squeeze(-1)
    return codes.to(torch.uint8), absmax


def nf4_dequantize(codes: Tensor, absmax: Tensor, *, block_size: int = 64) -> Tensor:
    """absmax of the block times the NF4 value of each code, for codes uint8[n] -> [n].

    In float32, or wider where absmax is. Raises ValueError for another number of blocks.
    Source: arXiv:2305.14314, appendix E.
    """
    _check.rank("codes", codes, "n")
    dtype = _check.compute_dtype(absmax)
    scale = _spread(absmax.to(dtype), block_size, codes.numel())
    return torch.tensor(NF4, dtype=dtype)[codes.to(torch.int64)] * scale


def nf4_pack(codes: Tensor) -> Tensor:
    """Two codes a byte, the first in the high four bits: uint8[n] -> uint8[n / 2].

    Raises ValueError for an odd number of codes. Source: the layout of the QLoRA authors' library.
    """
    _check.rank("codes", codes, "n")
    if codes.numel() % 2:
        raise ValueError(f"codes.shape={tuple(codes.shape)}: expected an even number; append one")
    pairs = codes.to(torch.int64).reshape(-1, 2)
    return (16 * pairs[:, 0] + pairs[:, 1]).to(torch.uint8)


def nf4_unpack(packed: Tensor) -> Tensor:
    """The codes of nf4_pack: uint8[m] -> uint8[2 m]."""
    _check.rank("packed", packed, "m")
    wide = packed.to(torch.int64)
    return torch.stack([wide // 16, wide % 16], 1).reshape(-1).to(torch.uint8)


def quantize_scales(absmax: Tensor, *, block_size: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """Codes uint8[m], scales[blocks] and mean[] for the scales absmax[m] of NF4.

    code = 127 + round(127 (absmax - mean) / scale), scale the largest |absmax - mean| of the block,
    mean that of all. Equal values get code 127. Raises ValueError for no scales.
    Source: arXiv:2305.14314, section 3 (double quantisation); its 8-bit float is linear here.
    """
    _check.rank("absmax", absmax, "m")
    dtype = _check.compute_dtype(absmax)
    mean = absmax.to(dtype).mean()
    blocks = _blocks(absmax.to(dtype) - mean, block_size)
    scales = blocks.abs().amax(1)
    scaled = (blocks / torch.where(scales > 0, scales, 1.0).unsqueeze(1)).reshape(-1)
    levels = torch.arange(-LEVELS, LEVELS + 1, dtype=dtype) / LEVELS
    distance = (scaled[: absmax.numel()].unsqueeze(1) - levels).abs()
    codes = decide("code", -distance, 1).squeeze(-1)
    return codes.to(torch.uint8), scales, mean


def dequantize_scales(
    codes: Tensor, scales: Tensor, mean: Tensor, *, block_size: int = 256
) -> Tensor:
    """mean + scale (code - 127) / 127 -> [m], the inverse of quantize_scales."""
    _check.rank("codes", codes, "m")
    dtype = _check.compute_dtype(scales, mean)
    scale = _spread(scales.to(dtype), block_size, codes.numel())
    level = (codes.to(torch.int64) - LEVELS).to(dtype) / LEVELS
    return mean.to(dtype) + scale * level


def qlora_linear(
    x: Tensor, codes: Tensor, absmax: Tensor, A: Tensor, B: Tensor, *, alpha: float,
    block_size: int = 64,
) -> Tensor:  # fmt: skip
    """lora_linear over the frozen weight that NF4 codes uint8[out * in] stand for, rows first.

    x[..., in], absmax[blocks], A[r, in], B[out, r] -> [..., out]; the weight is dequantised
    to the dtype of x. Raises ValueError for shapes that do not fit.
    Source: arXiv:2305.14314, eq. 5 (L1, L2 there are A^T, B^T with the scaling).
    """
    rank = factors(A, B)
    reads(x, A)
    _check.same("size", "out * in", B.shape[0] * A.shape[1], "codes.numel()", codes.numel())
    dtype = _check.compute_dtype(x, A, B)
    flat = nf4_dequantize(codes, absmax, block_size=block_size).to(dtype)
    weight = mark("dequantized", flat.reshape(B.shape[0], A.shape[1]))
    return two_branches(x.to(dtype), weight, A.to(dtype), B.to(dtype), alpha / rank).to(x.dtype)
