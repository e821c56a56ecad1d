"""The second branch's norm runs without gradients when the input needs none (re-entrant
checkpoint).
"""

import torch
import torch.nn.functional as F


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def branchformer_block(x, attention, mlp, gamma_a, beta_a, gamma_m, beta_m, W, *, eps=1e-05):
    d = up(x, W)
    y, e = (x.to(d), x.shape[-1])
    a = attention(F.layer_norm(y, (e,), gamma_a.to(d), beta_a.to(d), eps))
    with torch.set_grad_enabled(torch.is_grad_enabled() and y.requires_grad):
        m = mlp(F.layer_norm(y, (e,), gamma_m.to(d), beta_m.to(d), eps))
    return (y + torch.cat([a, m], -1) @ W.to(d)).to(x.dtype)
