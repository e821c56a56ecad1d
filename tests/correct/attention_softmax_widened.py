"""Eager attention in the input's dtype whose softmax alone is in float32, as models have it."""

import torch

EAGER = {"rounding": "scores-in-dtype"}
CONFORM = {
    "dtypes": ["float32", "bfloat16", "float16"],
    "operators": {
        "attention": {**EAGER, "conventions": {"masked_rows": "mean_of_values"}},
        "attention_weights": EAGER,
    },
}


def added(q, k, causal, mask):
    """Zero for visible keys and the lowest finite number for the others."""
    see = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    see = see.tril(k.shape[2] - q.shape[2]) if causal else see
    see = see if mask is None else see & mask
    return torch.zeros(see.shape, dtype=q.dtype).masked_fill(~see, torch.finfo(q.dtype).min)


def grouped(t, heads):
    b, k, length, width = t.shape
    return t[:, :, None].expand(b, k, heads // k, length, width).reshape(b, heads, length, width)


def attention_weights(q, k, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = torch.matmul(q, grouped(k, q.shape[1]).transpose(2, 3)) * scale
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = torch.matmul(q, grouped(k, q.shape[1]).transpose(2, 3)) * scale
    scores = scores if bias is None else scores + bias
    scores = scores + added(q, k, causal, mask)
    p = torch.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
    return torch.matmul(p, grouped(v, q.shape[1])).transpose(1, 2).contiguous().transpose(1, 2)
