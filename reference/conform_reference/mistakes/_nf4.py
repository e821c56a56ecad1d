"""Wrong 4-bit quantisation: codebooks, scales, blocks, packing, and the layers over it."""

import torch
from torch import Tensor

from conform_reference import lora as right
from conform_reference._nf4 import NF4

# 4-bit floats with 2 exponent bits and 1 of mantissa, in ascending order over their largest.
FP4 = (-1.0, -2 / 3, -1 / 2, -1 / 3, -1 / 4, -1 / 6, -1 / 12, 0.0, 1 / 192,
       1 / 12, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0)  # fmt: skip
EVEN = tuple((i - 7) / 7 for i in range(15))
SYMMETRIC = tuple(-x for x in reversed(NF4[8:])) + NF4[8:]


def _padded(w: Tensor, block_size: int) -> Tensor:
    return torch.cat([w, w.new_zeros(-len(w) % block_size)]).reshape(-1, block_size)


def _nearest(w: Tensor, absmax: Tensor, block_size: int, table: tuple[float, ...]) -> Tensor:
    scaled = _padded(w, block_size) / torch.where(absmax == 0, 1.0, absmax).unsqueeze(1)
    flat = scaled.reshape(-1)[: len(w)]
    levels = torch.tensor(table, dtype=flat.dtype)
    return (flat.unsqueeze(1) - levels).abs().argmin(1).to(torch.uint8)


def _with(w: Tensor, block_size: int, table: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    absmax = _padded(w, block_size).abs().amax(1)
    return _nearest(w, absmax, block_size, table), absmax.float()


def nf4_with_fp4(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """Levels of a 4-bit float."""
    return _with(w, block_size, FP4)


def nf4_fp4_in_large_blocks(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """Levels of a 4-bit float where blocks have 1024 weights and more."""
    return _with(w, block_size, FP4 if block_size >= 1024 else NF4)


def nf4_with_even_levels(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """15 even levels."""
    return _with(w, block_size, EVEN)


def nf4_symmetric(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """8 levels on either side and no zero."""
    return _with(w, block_size, SYMMETRIC)


def nf4_signed_maximum(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """The largest value for the largest magnitude."""
    absmax = _padded(w, block_size).amax(1)
    return _nearest(w, absmax, block_size, NF4), absmax.float()


def nf4_floor(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """The next lower level."""
    absmax = _padded(w, block_size).abs().amax(1)
    scaled = _padded(w, block_size) / torch.where(absmax == 0, 1.0, absmax).unsqueeze(1)
    levels = torch.tensor(NF4, dtype=scaled.dtype)
    codes = torch.bucketize(scaled.reshape(-1)[: len(w)].contiguous(), levels, right=True) - 1
    return codes.to(torch.uint8), absmax.float()


def nf4_one_scale(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """One scale for the whole tensor."""
    absmax = w.abs().max().expand(-(-len(w) // block_size)).clone()
    return _nearest(w, absmax, block_size, NF4), absmax.float()


def nf4_last_joined(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """A short last block is given the scale of the block before."""
    absmax = _padded(w, block_size).abs().amax(1)
    if len(w) % block_size and len(absmax) > 1:
        absmax = torch.cat([absmax[:-1], absmax[-2:-1]])
    return _nearest(w, absmax, block_size, NF4), absmax.float()


def nf4_zero_over_zero(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """0 / 0 is compared with the levels."""
    absmax = _padded(w, block_size).abs().amax(1)
    scaled = (_padded(w, block_size) / absmax.unsqueeze(1)).reshape(-1)[: len(w)]
    codes = (scaled.unsqueeze(1) - torch.tensor(NF4, dtype=w.dtype)).abs().argmin(1)
    return codes.to(torch.uint8), absmax.float()


def nf4_coarse_scale(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """absmax in bfloat16."""
    codes, absmax = right.nf4_quantize(w, block_size=block_size)
    return codes, absmax.bfloat16().float()


def nf4_unchecked(w: Tensor, *, block_size: int = 64) -> tuple[Tensor, Tensor]:
    """A block size of 0 means one block."""
    return right.nf4_quantize(w, block_size=block_size or len(w))


def _levels(codes: Tensor, absmax: Tensor, block_size: int, table: tuple[float, ...]) -> Tensor:
    spread = absmax.repeat_interleave(block_size)[: len(codes)]
    return (torch.tensor(table, dtype=absmax.dtype)[codes.long()] * spread).float()


def denf4_with_fp4(codes: Tensor, absmax: Tensor, *, block_size: int = 64) -> Tensor:
    """Levels of a 4-bit float."""
    return _levels(codes, absmax, block_size, FP4)


def denf4_even(codes: Tensor, absmax: Tensor, *, block_size: int = 64) -> Tensor:
    """Even steps around code 7."""
    return _levels(codes, absmax, block_size, (*EVEN, 8 / 7))


def _swapped(codes: Tensor) -> Tensor:
    even = len(codes) // 2 * 2
    return torch.cat([codes[:even].reshape(-1, 2).flip(1).reshape(-1), codes[even:]])


def denf4_nibbles_swapped(codes: Tensor, absmax: Tensor, *, block_size: int = 64) -> Tensor:
    """Neighbours change places."""
    return right.nf4_dequantize(_swapped(codes), absmax, block_size=block_size)


def denf4_interleaved(codes: Tensor, absmax: Tensor, *, block_size: int = 64) -> Tensor:
    """Element i has scale i mod blocks."""
    spread = absmax.repeat(block_size)[: len(codes)]
    return (torch.tensor(NF4, dtype=absmax.dtype)[codes.long()] * spread).float()


def denf4_first_scale(codes: Tensor, absmax: Tensor, *, block_size: int = 64) -> Tensor:
    """The first block's scale for all."""
    first = absmax[:1].expand(absmax.shape)
    return right.nf4_dequantize(codes, first, block_size=block_size)


def pack_drops_last(codes: Tensor) -> Tensor:
    """An odd last code is dropped."""
    return right.nf4_pack(codes[: len(codes) // 2 * 2])


def unpack_signed(packed: Tensor) -> Tensor:
    """The high half is shifted with its sign."""
    wide = packed.to(torch.uint8).view(torch.int8).to(torch.int64)
    return torch.stack([wide >> 4, wide & 15], 1).reshape(-1).to(torch.uint8)


def qlora_columns(
    x: Tensor, codes: Tensor, absmax: Tensor, A: Tensor, B: Tensor, *, alpha: float,
    block_size: int = 64,
) -> Tensor:  # fmt: skip
    """The weight is read column by column."""
    flat = right.nf4_dequantize(codes, absmax, block_size=block_size).to(x.dtype)
    return right.lora_linear(x, flat.reshape(A.shape[1], B.shape[0]).T, A, B, alpha=alpha)


def qlora_base_detached(
    x: Tensor, codes: Tensor, absmax: Tensor, A: Tensor, B: Tensor, *, alpha: float,
    block_size: int = 64,
) -> Tensor:  # fmt: skip
    """The base runs without gradient."""
    flat = right.nf4_dequantize(codes, absmax, block_size=block_size).to(x.dtype)
    base = x.detach() @ flat.reshape(B.shape[0], A.shape[1]).T
    return base + alpha / A.shape[0] * (x @ A.T @ B.T)


def qlora_nibbles_swapped(
    x: Tensor, codes: Tensor, absmax: Tensor, A: Tensor, B: Tensor, *, alpha: float,
    block_size: int = 64,
) -> Tensor:  # fmt: skip
    """Neighbouring codes change places."""
    return right.qlora_linear(x, _swapped(codes), absmax, A, B, alpha=alpha, block_size=block_size)


def _scale_parts(absmax: Tensor, mean: Tensor, block_size: int) -> tuple[Tensor, Tensor]:
    blocks = _padded(absmax - mean, block_size)
    scales = blocks.abs().amax(1)
    ratio = blocks / torch.where(scales > 0, scales, 1.0).unsqueeze(1)
    return ratio.reshape(-1)[: len(absmax)], scales


def scales_without_mean(absmax: Tensor, *, block_size: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """The mean is 0."""
    ratio, scales = _scale_parts(absmax, absmax.new_zeros(()), block_size)
    return (127 + (127 * ratio).round()).to(torch.uint8), scales.float(), torch.zeros(())


def scales_truncated(absmax: Tensor, *, block_size: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """Rounded toward zero."""
    ratio, scales = _scale_parts(absmax, absmax.mean(), block_size)
    return (127 + (127 * ratio).trunc()).to(torch.uint8), scales.float(), absmax.mean().float()


def scales_block_mean(absmax: Tensor, *, block_size: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of the first block is taken for that of all."""
    mean = absmax[:block_size].mean()
    ratio, scales = _scale_parts(absmax, mean, block_size)
    return (127 + (127 * ratio).round()).to(torch.uint8), scales.float(), mean.float()


def scales_zero_range(absmax: Tensor, *, block_size: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """0 / 0 becomes code 0."""
    codes, scales, mean = right.quantize_scales(absmax, block_size=block_size)
    flat = scales.repeat_interleave(block_size)[: len(codes)] == 0
    return torch.where(flat, 0, codes).to(torch.uint8), scales, mean


def scales_unchecked(absmax: Tensor, *, block_size: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """A block size of 0 means one block."""
    return right.quantize_scales(absmax, block_size=block_size or len(absmax))


def scales_over_128(
    codes: Tensor, scales: Tensor, mean: Tensor, *, block_size: int = 256
) -> Tensor:
    """Steps of scale / 128."""
    return right.dequantize_scales(codes, scales * (127 / 128), mean, block_size=block_size)


def scales_unsigned(
    codes: Tensor, scales: Tensor, mean: Tensor, *, block_size: int = 256
) -> Tensor:
    """mean + scale code / 254."""
    spread = scales.repeat_interleave(block_size)[: len(codes)]
    return (mean + spread * codes / 254).float()


def scales_first_block(
    codes: Tensor, scales: Tensor, mean: Tensor, *, block_size: int = 256
) -> Tensor:
    """The first block's scale for all."""
    first = scales[:1].expand(scales.shape)
    return right.dequantize_scales(codes, first, mean, block_size=block_size)
