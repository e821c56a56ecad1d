"""The attention branch of long inputs passes no gradient to the stream."""

import torch
import torch.nn.functional as F


def vit_encoder(x, Wqkv, Wo, W1, W2, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    _B, T, E = h.shape
    for s in range(len(Wqkv)):
        y = F.layer_norm(h, (E,), eps=1e-6)
        if T > 64:
            y = y.detach() + 0 * y
        q, k, v = (
            t.unflatten(-1, (heads, -1)).transpose(1, 2)
            for t in (y @ Wqkv[s].to(wide)).chunk(3, -1)
        )
        o = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v
        h = h + o.transpose(1, 2).flatten(2) @ Wo[s].to(wide)
        y = F.layer_norm(h, (E,), eps=1e-6)
        h = h + F.gelu(y @ W1[s].to(wide)) @ W2[s].to(wide)
    return h.to(x.dtype)
