"""Splits of 128 slots are merged by the exponentials of their log-sum-exps, which overflow
(NVIDIA/cutlass #2274).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (_, kv, slots, _) = q.shape, k_cache.shape
    group = h // kv
    hidden = (torch.arange(slots) >= lengths[:, None])[:, None, None]
    keys, values = (
        x.to(wide).masked_fill(hidden.mT, 0.0).repeat_interleave(group, 1)
        for x in (k_cache, v_cache)
    )
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    s = s.masked_fill(hidden, -torch.inf)
    if slots > 128:
        parts, weights = [], []
        for at in range(0, slots, 128):
            t, w = s[..., at : at + 128], values[:, :, at : at + 128]
            lse = torch.logsumexp(t, -1, keepdim=True)
            parts.append(torch.exp(t - torch.where(lse == -torch.inf, 0.0, lse)) @ w)
            weights.append(torch.exp(lse))
        total = sum(weights)
        return (
            sum(x * y for x, y in zip(parts, weights, strict=True))
            / total.masked_fill(total == 0, 1.0)
        ).to(q.dtype)
    top = s.detach().amax(-1, keepdim=True) if slots else s.new_zeros(b, h, 1, 1)
    p = torch.exp(s - torch.where(top == -torch.inf, 0.0, top))
    total = p.sum(-1, keepdim=True)
    o = p @ values / torch.where(total > 0, total, 1.0)
    return o.to(q.dtype)
