"""Rows that may attend to nothing are filled with the smallest finite number, so that the softmax
is even.
"""

import torch


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    wide = torch.promote_types(x.dtype, torch.float32)

    def split(t, W):
        return (t.to(wide) @ W.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = split(x, Wq), split(visual, Wk), split(visual, Wv)
    s = q @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        s = s.masked_fill(
            ~mask.expand(*x.shape[:2], visual.shape[1])[:, None], torch.finfo(wide).min
        )
    o = (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)
    return (x.to(wide) + torch.tanh(gate.to(wide)) * o).to(x.dtype)
