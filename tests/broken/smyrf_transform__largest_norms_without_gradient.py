"""The largest norms are taken under no_grad."""

import torch


def smyrf_transform(q, k):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = q.to(wide), k.to(wide)
    qs, ks = a.square().sum(-1, keepdim=True), b.square().sum(-1, keepdim=True)
    with torch.no_grad():
        top = qs.amax(-2, keepdim=True) + ks.amax(-2, keepdim=True)
    za, zb = torch.zeros_like(qs), torch.zeros_like(ks)
    F = torch.cat((a, za, (top - qs).clamp(min=0).sqrt()), -1)
    G = torch.cat((b, (top - ks).clamp(min=0).sqrt(), zb), -1)
    return F.to(q.dtype), G.to(k.dtype)
