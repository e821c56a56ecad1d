"""The prefix stands behind the tokens, where the causal mask hides it from most rows."""

import torch

MISTAKE = "prefix_attention.appended-under-the-mask"


def joined(prefix, x, heads):
    rows = prefix.expand(x.shape[0], *prefix.shape)
    return torch.cat([x.repeat_interleave(heads // x.shape[1], 1), rows], 2)


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (joined(p.to(wide), x.to(wide), q.shape[1]) for p, x in ((pk, k), (pv, v)))
    Lq, Lk, P = q.shape[2], k.shape[2], pk.shape[1]
    scores = q.to(wide) @ keys.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        visible = torch.ones(Lq, Lk + P, dtype=torch.bool).tril(Lk + P - Lq)
        scores = scores.masked_fill(~visible, -torch.inf)
    return (torch.nan_to_num(scores.softmax(-1)) @ values).to(q.dtype)
