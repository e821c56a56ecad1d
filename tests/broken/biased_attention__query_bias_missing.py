"""The query projection has no bias."""

import torch
import torch.nn.functional as F

MISTAKE = "biased_attention.query-bias-missing"


def biased_attention(x, Wq, bq, Wk, bk, Wv, bv, *, heads, causal=False):
    dtype = torch.promote_types(x.dtype, torch.float32)
    pairs = ((Wq, 0 * bq), (Wk, bk), (Wv, bv))
    q, k, v = (
        (x.to(dtype) @ W.to(dtype) + b).unflatten(-1, (heads, -1)).transpose(1, 2) for W, b in pairs
    )
    o = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return o.transpose(1, 2).flatten(2).to(x.dtype)
