"""The fused path knows causal; the plain one, taken where gradients flow, forgets it
(keras-team/keras #23038).
"""

import torch
import torch.nn.functional as F


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    q, k, v = (x.to(wide) @ w.to(wide) for w in (Wq, Wk, Wv))
    tracked = torch.is_grad_enabled() and any(t.requires_grad for t in (x, Wq, Wk, Wv))
    if not tracked:
        see = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril() if causal else None
        return F.scaled_dot_product_attention(q, k, v, attn_mask=see).to(x.dtype)
    p = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1)
    return (p @ v).to(x.dtype)
