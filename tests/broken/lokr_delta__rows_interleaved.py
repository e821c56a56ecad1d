"""Rows of the blocks are interleaved."""

import torch

MISTAKE = "lokr_delta.rows-interleaved"


def lokr_delta(C, A, B, *, alpha):
    wide = torch.promote_types(C.dtype, torch.float32)
    c, block = C.to(wide).clone(memory_format=torch.contiguous_format), B.to(wide) @ A.to(wide)
    s = alpha / A.shape[0]
    out = torch.einsum("pq,oi->opqi", c, block)
    shape = (c.shape[0] * block.shape[0], c.shape[1] * block.shape[1])
    return (s * out).reshape(shape).to(C.dtype)
