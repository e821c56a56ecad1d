"""The largest norms are those of all sets of the batch together."""

import torch


def smyrf_transform(q, k):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = q.to(wide), k.to(wide)
    sa, sb = a.square().sum(-1, keepdim=True), b.square().sum(-1, keepdim=True)
    most = sa.max() + sb.max()
    fa, fb = (most - sa).clamp(min=0).sqrt(), (most - sb).clamp(min=0).sqrt()
    return (torch.cat([a, torch.zeros_like(fa), fa], -1).to(q.dtype),
            torch.cat([b, fb, torch.zeros_like(fb)], -1).to(k.dtype))  # fmt: skip
