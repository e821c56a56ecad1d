"""Prefix and tokens are normalised apart and their outputs added, as if lambda were one."""

import torch

MISTAKE = "prefix_attention.softmaxes-apart"


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    keys = k.to(wide).repeat_interleave(group, 1)
    scores = q.to(wide) @ keys.transpose(-1, -2) * scale
    if causal:
        visible = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
        scores = scores.masked_fill(~visible.tril(k.shape[2] - q.shape[2]), -torch.inf)
    tokens = torch.nan_to_num(scores.softmax(-1)) @ v.to(wide).repeat_interleave(group, 1)
    prefix = (q.to(wide) @ pk.to(wide).transpose(-1, -2) * scale).softmax(-1) @ pv.to(wide)
    return (tokens + prefix).to(q.dtype)
