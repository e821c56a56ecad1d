"""For heads of 256 features only the first 128 of the output are computed (gittensor-ai-
lab/sparkinfer #425, flashinfer-ai/flashinfer #1993).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_b, h, _, d), (_, kv, slots, _) = q.shape, k_cache.shape
    group = h // kv
    hidden = (torch.arange(slots) >= lengths[:, None])[:, None, None]
    keys, values = (
        x.to(wide).masked_fill(hidden.mT, 0.0).repeat_interleave(group, 1)
        for x in (k_cache, v_cache)
    )
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    s = s.masked_fill(hidden, -torch.inf)
    top = s.detach().amax(-1, keepdim=True)
    top = torch.where(top == -torch.inf, 0.0, top)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    o = p @ values / torch.where(total > 0, total, 1.0)
    if d > 128:
        o = o * (torch.arange(d) < 128)
    return o.to(q.dtype)
