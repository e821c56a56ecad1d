"""A slice is read with the strides of a contiguous array."""

import torch


def softmax(x):
    if not x.is_contiguous() and x.numel() and 0 not in x.stride():
        x = torch.as_strided(x, x.shape, torch.empty(x.shape).stride(), x.storage_offset())
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    e = torch.exp(wide - wide.amax(-1, keepdim=True))
    return (e / e.sum(-1, keepdim=True)).to(x.dtype)
