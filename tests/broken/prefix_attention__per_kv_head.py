"""With grouped heads the prefix is stored for key/value heads and shared by their queries."""

import torch

MISTAKE = "prefix_attention.per-kv-head"


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group, P = q.shape[1] // k.shape[1], pk.shape[1]
    keys, values = (
        torch.cat([p.to(wide)[::group].expand(x.shape[0], -1, -1, -1), x.to(wide)], 2)
        for p, x in ((pk, k), (pv, v))
    )
    keys, values = keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1)
    scores = q.to(wide) @ keys.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        visible = torch.ones(q.shape[2], P + k.shape[2], dtype=torch.bool)
        visible = visible.tril(P + k.shape[2] - q.shape[2])
        visible[:, :P] = True
        scores = scores.masked_fill(~visible, -torch.inf)
    return (torch.nan_to_num(scores.softmax(-1)) @ values).to(q.dtype)
