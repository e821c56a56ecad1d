"""Keys are centred by their mean, which the output does not feel and the log-sum-exp does
(ROCm/aiter #3334).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_with_lse(q, k, v, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, dv) = q.shape, k.shape[:3] + v.shape[-1:]
    if lk == 0:
        return q.new_zeros(b, h, lq, dv), torch.full((b, h, lq), -torch.inf, dtype=wide)
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    keys = keys - keys.mean(2, keepdim=True)
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    if causal:
        row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
        s = s.masked_fill(column > row, -torch.inf)
    lse = torch.logsumexp(s, -1)
    p = torch.exp(s - lse.masked_fill(lse == -torch.inf, 0.0)[..., None])
    return (p @ values).to(q.dtype), lse
