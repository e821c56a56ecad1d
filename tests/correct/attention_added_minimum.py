"""Eager attention that hides keys by adding the dtype's lowest number, as Hugging Face does."""

import torch

CONFORM = {
    "operators": {
        "attention": {
            "rounding": "scores-in-dtype",
            "conventions": {"masked_rows": "mean_of_values"},
            "requires": ["Lk > 0"],
        }
    }
}


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    rows, keys = scores.shape[-2:]
    seen = torch.ones(rows, keys, dtype=torch.bool).tril(keys - rows if causal else keys)
    seen = seen if mask is None else seen & mask
    hidden = torch.zeros((), dtype=q.dtype).where(seen, torch.finfo(q.dtype).min)
    weights = torch.softmax(scores + hidden, -1, dtype=torch.float32)
    return weights.to(q.dtype) @ v
