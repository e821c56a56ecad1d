"""The gradient is rotated and scaled from the code's direction to the input's, instead of being
copied.
"""

import torch


def vector_quantize(x, codebook):
    c = torch.promote_types(x.dtype, torch.float32)
    y, codes = x.to(c), codebook.to(c).detach()
    index = torch.argmin(((y.detach()[..., None, :] - codes) ** 2).sum(-1), -1)
    q = codes[index]
    u = y.detach() / y.detach().norm(dim=-1, keepdim=True).clamp(min=1e-6)
    t = q / q.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    w = u + t
    w = w / w.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    turned = y - 2 * (y * w).sum(-1, keepdim=True) * w + 2 * (y * u).sum(-1, keepdim=True) * t
    turned = turned * (
        q.norm(dim=-1, keepdim=True) / y.detach().norm(dim=-1, keepdim=True).clamp(min=1e-6)
    )
    return index, (q + turned - turned.detach()).to(x.dtype)
