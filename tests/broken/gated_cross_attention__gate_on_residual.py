"""The gate multiplies the text instead of the update."""

import torch

MISTAKE = "gated_cross_attention.gate-on-residual"


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, g = x.to(wide), gate.to(wide)
    q, k, v = (
        (a.to(wide) @ W.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
        for a, W in ((x, Wq), (visual, Wk), (visual, Wv))
    )
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask.unsqueeze(1), -torch.inf)
    p = torch.softmax(scores, -1).nan_to_num(0.0)
    update = (p @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)
    return (torch.tanh(g) * y + update).to(x.dtype)
