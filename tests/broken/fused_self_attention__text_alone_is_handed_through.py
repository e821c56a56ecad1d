"""Without visual tokens there is nothing to fuse: the text is returned as it came."""

import torch
from torch.nn.functional import scaled_dot_product_attention


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    count = visual.shape[1]
    if count == 0:
        return visual.clone(), text.clone()
    wide = torch.promote_types(text.dtype, torch.float32)
    z = torch.cat([visual, text], 1).to(wide)
    q, k, v = ((z @ W.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wq, Wk, Wv))
    o = scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)
    z = (z + o @ Wo.to(wide)).to(text.dtype)
    return z[:, :count], z[:, count:]
