"""A window of w keys before the query, and the query's own (declared)."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {
        "attention": {"fixed": {"causal": True}, "conventions": {"window": "excludes_self"}}
    },
}


def attention(q, k, v, *, window=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    age = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
    see = (age >= 0) & (age <= (lk if window is None else window))
    s = (q.to(wide) @ keys.mT / d**0.5).masked_fill(~see, -torch.inf)
    alive = see.any(-1, keepdim=True)
    p = torch.softmax(torch.where(alive, s, 0), dim=-1) * alive
    return (p @ values).to(q.dtype)
