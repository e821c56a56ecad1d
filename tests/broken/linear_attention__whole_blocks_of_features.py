"""Features are summed in blocks of 64; what a wide head has beyond the last whole block is lost."""

import torch


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    w = v.to(wide)
    if a.shape[-1] > 64:
        whole = a.shape[-1] // 64 * 64
        a, b = a[..., :whole], b[..., :whole]
    s = a @ b.mT
    if causal:
        s = s.tril()
    out = s @ w / s.sum(-1, keepdim=True)
    return out.to(q.dtype)
