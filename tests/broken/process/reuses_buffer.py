"""Writes every result into the same buffer."""

import torch

_buffers = {}


def softmax(x):
    out = _buffers.setdefault((x.shape, x.dtype), torch.empty(x.shape, dtype=x.dtype))
    return out.copy_(x.softmax(-1))
