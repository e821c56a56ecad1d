"""Eager weights in the own dtype, the softmax written out: exponentials and sum are stored."""

import torch

MODEL = {"rounding": "scores-in-dtype"}
CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention_weights": MODEL},
}


def _softmax(s, see):
    if not s.shape[-1]:
        return s
    top = torch.where(see, s, torch.finfo(s.dtype).min).amax(-1, keepdim=True)
    e = torch.exp(torch.where(see, s - top, -torch.inf))
    total = e.sum(-1, keepdim=True)
    return e / torch.where(total == 0, 1, total)


def attention_weights(q, k, *, causal=False, mask=None, scale=None):
    h, kv, lq, lk = q.shape[1], k.shape[1], q.shape[2], k.shape[2]
    s = q @ k.repeat_interleave(h // kv, 1).mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    see = torch.ones(lq, lk, dtype=torch.bool)
    see = see.tril(lk - lq) if causal else see
    return _softmax(s, see.expand(s.shape) if mask is None else see & mask)
