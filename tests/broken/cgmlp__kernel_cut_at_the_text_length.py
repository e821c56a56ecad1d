"""A kernel wider than the text is cut to its first taps."""

import torch
import torch.nn.functional as F


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    a, g = F.gelu(x.to(wide) @ U.to(wide)).chunk(2, -1)
    n, T, k = a.shape[-1], x.shape[1], kernel.shape[1]
    taps = kernel.to(wide)
    if k > T:
        taps = torch.cat([taps[:, :T], torch.zeros_like(taps[:, T:])], 1)
    g = F.layer_norm(g, (n,), gamma.to(wide), beta.to(wide), eps).mT
    g = F.conv1d(g, taps[:, None], bias.to(wide), padding=k // 2, groups=n)
    return ((a * g.mT) @ V.to(wide)).to(x.dtype)
