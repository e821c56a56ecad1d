"""pytorch: a mask of minus infinities is added and rows without a visible key are repaired by
`where` behind the softmax; the way back through them is NaN all the same."""

import torch


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    wide = torch.promote_types(x.dtype, torch.float32)

    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(1, 2)

    h, m = x.to(wide), visual.to(wide)
    q, k, v = split(h @ Wq.to(wide)), split(m @ Wk.to(wide)), split(m @ Wv.to(wide))
    s = q @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        s = s + torch.zeros(mask.shape, dtype=wide).masked_fill(~mask, float("-inf"))[:, None]
    p = torch.nan_to_num(s.softmax(-1), nan=0.0)
    o = (p @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)
    return (h + gate.to(wide).tanh() * o).to(x.dtype)
