"""Partial softmaxes in the dtype they come in; partial attentions by weights exp(lse_i - lse)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _shrunk(a, m):
    return torch.where(torch.isneginf(a), 0.0, torch.exp(a - m))


def softmax_merge(m1, l1, m2, l2):
    m = torch.maximum(m1, m2)
    return m, l1 * _shrunk(m1, m) + l2 * _shrunk(m2, m)


def attention_merge(o1, lse1, o2, lse2):
    lse = torch.logaddexp(lse1, lse2)
    weights = (_shrunk(part, lse).unsqueeze(-1) for part in (lse1, lse2))
    kept = (torch.where(w > 0, o, 0.0) * w for w, o in zip(weights, (o1, o2), strict=True))
    return sum(kept).to(o1.dtype), lse
