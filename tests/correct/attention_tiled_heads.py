"""Query head h reads key/value head h % K, as x-transformers groups its heads (declared)."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"attention": {"conventions": {"heads": "tiled"}}},
}


def attention(q, k, v, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    keys, values = (x.to(wide).repeat(1, h // kv, 1, 1) for x in (k, v))
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    see = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) | (not causal)
    alive = see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(~see & alive, -torch.inf), dim=-1)
    return ((p * alive) @ values).to(q.dtype)
