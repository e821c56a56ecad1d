"""The feature map works in place on a copy that queries and keys share when they are one tensor."""

import torch
import torch.nn.functional as F


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    shared = q.data_ptr() == k.data_ptr() and q.shape == k.shape and q.stride() == k.stride()
    a = F.elu(q.to(wide)) + 1
    b = F.elu(a) + 1 if shared else F.elu(k.to(wide)) + 1
    a = b if shared else a
    w = a @ b.mT
    w = w.tril() if causal else w
    return (w @ v.to(wide) / w.sum(-1, keepdim=True)).to(q.dtype)
