"""Prompts stand in front and are cut off by a negative index, which leaves nothing where there are
none.
"""

import torch
import torch.nn.functional as F


def vpt_deep_encoder(x, prompts, Wqkv, Wo, W1, W2, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, size, extra = x.to(wide), x.shape[-1:], prompts.shape[1]
    for n in range(len(Wqkv)):
        z = torch.cat([y, prompts[n].to(wide).expand(len(x), -1, -1)], 1)
        qkv = F.layer_norm(z, size, eps=1e-6) @ Wqkv[n].to(wide)
        q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in qkv.chunk(3, -1))
        o = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        z = z + o @ Wo[n].to(wide)
        z = z + F.gelu(F.layer_norm(z, size, eps=1e-6) @ W1[n].to(wide)) @ W2[n].to(wide)
        y = z[:, :-extra]
    return y.to(x.dtype)
