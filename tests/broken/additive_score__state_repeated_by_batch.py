"""The decoder state is repeated batch after batch where the sources lie sequence after sequence."""

import torch


def additive_score(h, s, W, v):
    wide = torch.promote_types(h.dtype, torch.float32)
    B, T, _ = h.shape
    state = s.repeat(T, 1).view(B, T, s.shape[-1])
    both = torch.cat([h, state], -1).to(wide)
    return (torch.tanh(both @ W.to(wide).T) @ v.to(wide)).to(h.dtype)
