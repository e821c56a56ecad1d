"""Eager attention in the input's dtype; its softmax subtracts a maximum that is not detached."""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float64"],
    "operators": {"attention": {"rounding": "scores-in-dtype", "requires": ["Lk > 0"]}},
}


def attention(q, k, v, *, causal=False, mask=None, scale=None, sinks=None):
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    rows, keys = scores.shape[-2:]
    seen = torch.ones(rows, keys, dtype=torch.bool).tril(keys - rows if causal else keys)
    seen = (seen if mask is None else seen & mask).expand(scores.shape)
    scores = scores.masked_fill(~seen, -torch.inf)
    if sinks is not None:
        scores = torch.cat([scores, sinks.view(1, -1, 1, 1).expand(*scores.shape[:-1], 1)], -1)
    highest = scores.max(-1, keepdim=True).values
    scores = scores - torch.where(highest.isneginf(), 0.0, highest)
    weights = torch.softmax(scores, -1)[..., :keys]
    return torch.where(seen.any(-1, keepdim=True), weights, 0.0) @ v
