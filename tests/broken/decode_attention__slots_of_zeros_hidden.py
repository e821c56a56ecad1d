"""Cache slots whose keys are all zero are taken for unused ones."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (_, kv, s, _) = q.shape, k_cache.shape
    group = h // kv
    x = q.to(wide).reshape(b, kv, group, d)
    scores = torch.einsum("bkgd,bksd->bkgs", x, k_cache.to(wide)) * (
        d**-0.5 if scale is None else scale
    )
    see = torch.arange(s) < lengths.view(b, 1, 1, 1)
    see = see & (k_cache != 0).any(-1)[:, :, None, :]
    dead = ~see.any(-1, keepdim=True)
    scores = scores.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    p = torch.softmax(scores, -1).masked_fill(dead, 0.0)
    values = v_cache.to(wide).masked_fill(~see.any(2).any(1)[:, None, :, None], 0.0)
    out = torch.einsum("bkgs,bksd->bkgd", p.to(q.dtype).to(wide), values)
    return out.reshape(b, h, 1, d).to(q.dtype)
