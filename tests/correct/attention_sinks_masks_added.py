"""Capped scores, sinks as one more column, masks added as the lowest number, all in the dtype."""

import torch

CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "any"},
            "requires": ["Lk > 0"],
        }
    },
}


def seen(lq, lk, causal, window, mask):
    behind = torch.arange(lk - lq, lk)[:, None] - torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (behind >= 0)
    if window is not None:
        see = see & (behind.abs() < window)
    return see if mask is None else see & mask


def attention(
    q, k, v, *, causal=False, window=None, mask=None, scale=None, softcap=None, sinks=None
):
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    see = seen(q.shape[2], k.shape[2], causal, window, mask)
    lowest = torch.finfo(q.dtype).min
    scores = scores + torch.zeros(see.shape, dtype=q.dtype).masked_fill(~see, lowest)
    if sinks is None:
        return torch.softmax(scores, -1, dtype=torch.float32).to(q.dtype) @ v
    extra = sinks.to(q.dtype).view(1, -1, 1, 1).expand(*scores.shape[:-1], 1)
    scores = torch.cat([scores, extra], -1)
    scores = scores - scores.amax(-1, keepdim=True)
    return torch.softmax(scores, -1)[..., :-1] @ v
