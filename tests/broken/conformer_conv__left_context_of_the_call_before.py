"""The streaming cache is never reset: a batch of the same size reads the last frames of the call
before as its left context.
"""

import torch
import torch.nn.functional as F


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


CACHE = {}


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-05):
    d = up(x, W1, W2)
    B, T, E = x.shape
    live = torch.ones(B, T, 1, dtype=torch.bool)
    if lengths is not None:
        live = (torch.arange(T)[None] < lengths[:, None])[..., None]
    h = torch.where(live, x.to(d), 0.0)
    h = F.glu(F.layer_norm(h, (E,), gamma.to(d), beta.to(d), eps) @ W1.to(d), -1)
    h = torch.where(live, h, 0.0).transpose(1, 2)
    k = kernel.shape[-1] // 2
    left = h.new_zeros(B, E, k)
    if lengths is None and (not torch.is_grad_enabled()):
        left = CACHE.get((B, E, k, d), left)
        CACHE[B, E, k, d] = F.pad(h, (k, 0))[..., h.shape[-1] :].detach() if k else left
    h = F.conv1d(torch.cat([left, h, h.new_zeros(B, E, k)], -1), kernel.to(d)[:, None], groups=E)
    h = F.silu(h.transpose(1, 2) * scale.to(d) + shift.to(d)) @ W2.to(d)
    return torch.where(live, h, 0.0).to(x.dtype)
