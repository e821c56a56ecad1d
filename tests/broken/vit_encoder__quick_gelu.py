"""open_clip: the encoder is built with QuickGELU, x sigmoid(1.702 x), for weights trained with
GELU."""

import torch
import torch.nn.functional as F


def vit_encoder(x, Wqkv, Wo, W1, W2, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    B, T, E = h.shape
    for wqkv, wo, w1, w2 in zip(Wqkv, Wo, W1, W2, strict=True):
        n = F.layer_norm(h, (E,), eps=1e-6)
        q, k, v = (n @ wqkv.to(wide)).view(B, T, 3, heads, -1).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, k, v)
        h = h + o.transpose(1, 2).reshape(B, T, E) @ wo.to(wide)
        u = F.layer_norm(h, (E,), eps=1e-6) @ w1.to(wide)
        h = h + (u * torch.sigmoid(1.702 * u)) @ w2.to(wide)
    return h.to(x.dtype)
