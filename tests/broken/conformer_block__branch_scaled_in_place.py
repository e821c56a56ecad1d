"""Half of the feed-forward's result is taken in place, which also halves the stream when the
module hands its input through.
"""

import torch
import torch.nn.functional as F


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-05):
    d = up(x, gamma, beta)
    y = x.to(d) * 1

    def half(z, f):
        h = f(z)
        h = h.mul_(0.5) if not torch.is_grad_enabled() else 0.5 * h
        return z + h

    y = half(y, ffn1)
    y = y + attention(y)
    y = y + conv(y)
    y = half(y, ffn2)
    return F.layer_norm(y, (x.shape[-1],), gamma.to(d), beta.to(d), eps).to(x.dtype)
