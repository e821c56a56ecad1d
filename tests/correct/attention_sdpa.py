"""torch's fused attention with an explicit additive mask aligned to the bottom right."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def visible(lq, lk, causal, window, mask):
    """Which keys each query may attend to, the last query in line with the last key."""
    i = torch.arange(lq)[:, None] + lk - lq
    j = torch.arange(lk)[None, :]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (j <= i)
    if window is not None:
        see = see & ((i - j).abs() < window)
    return see if mask is None else see & mask


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    shape = (q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    see = visible(q.shape[2], k.shape[2], causal, window, mask)
    # Rows that see nothing are computed over all keys and zeroed, so that no NaN is ever made.
    dead = ~see.any(-1, keepdim=True)
    add = torch.zeros(shape, dtype=wide) if bias is None else bias.to(wide).expand(shape)
    add = add.masked_fill(~see & ~dead, -math.inf)
    q32, k32, v32 = q.to(wide), k.to(wide), v.to(wide)
    if k.shape[2] == 0:
        return (q32 @ k32[:, :1].mT @ v32[:, :1]).to(q.dtype)
    o = F.scaled_dot_product_attention(q32, k32, v32, attn_mask=add, scale=scale, enable_gqa=True)
    return o.masked_fill(dead, 0).to(q.dtype)
