"""The channels' maxima are a running maximum over all calls of that width."""

import torch

_seen = {}


def smooth_quant(x, W, *, alpha=0.5):
    c = torch.promote_types(x.dtype, torch.float32)
    own = x.detach().to(c).abs().amax(0)
    most = torch.maximum(own, _seen.get(x.shape[1], own).to(c))
    _seen[x.shape[1]] = most
    s = most**alpha / W.to(c).abs().amax(1) ** (1 - alpha)
    return (x.to(c) / s).to(x.dtype), (s[:, None] * W.to(c)).to(W.dtype)
