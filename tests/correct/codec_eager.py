"""Quantizers in the input's dtype: expanded distances, one-hot look-up, no gradient."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _look_up(x, codebook):
    d = x.square().sum(-1, keepdim=True) - 2 * (x @ codebook.T) + codebook.square().sum(-1)
    index = (-d).max(-1).indices
    return index, torch.nn.functional.one_hot(index, len(codebook)).to(x.dtype) @ codebook


def vector_quantize(x, codebook):
    if x.shape[-1] != codebook.shape[-1]:
        raise ValueError("widths differ")
    index, quantized = _look_up(x.detach(), codebook.detach())
    return index, quantized


def residual_vector_quantize(x, codebooks):
    indices, residual, total = [], x.detach(), 0
    for book in codebooks.detach():
        index, code = _look_up(residual, book)
        indices.append(index)
        residual = residual - code
        total = total + code
    return torch.stack(indices, -1), total


def next_scale_mask(offsets):
    size = int(offsets[-1])
    mask = torch.zeros(size, size, dtype=torch.bool)
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        mask[begin:end, :end] = True
    return mask


def video_token_count(frames, height, width, *, temporal=4, spatial=8):
    if (frames - 1) % temporal or height % spatial or width % spatial:
        raise ValueError("sizes must fit the strides")
    later = len(range(1, frames, temporal))
    return (1 + later) * len(range(0, height, spatial)) * len(range(0, width, spatial))
