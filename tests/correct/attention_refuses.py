"""A kernel for head sizes 16 and 64 only, which refuses biases; everything else is honoured."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention(q, k, v, *, causal=False, bias=None):
    if bias is not None or q.shape[-1] not in (16, 64):
        raise NotImplementedError(f"head size {q.shape[-1]} or a bias")
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    see = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) | (not causal)
    s = (q.to(wide) @ keys.mT / d**0.5).masked_fill(~see, -torch.inf)
    alive = see.any(-1, keepdim=True)
    p = torch.softmax(torch.where(alive, s, 0), dim=-1) * alive
    return (p @ values).to(q.dtype)
