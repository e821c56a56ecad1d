"""The prompt's keys come from a frozen projection, under no_grad: only its values are learnt."""

import torch
import torch.nn.functional as F


def llama_adapter_layer(x, prompt, Wq, Wk, Wv, Wo, bo, gate, *, heads, causal=True):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, rows = x.to(wide), prompt.to(wide).unsqueeze(0)

    def split(t, W):
        return (t @ W.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v, pv = split(y, Wq), split(y, Wk), split(y, Wv), split(rows, Wv)
    pk = split(rows, Wk).detach()
    own = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    pk, pv = (t.expand(len(x), -1, -1, -1) for t in (pk, pv))
    read = F.scaled_dot_product_attention(q, pk, pv)
    o = own + torch.tanh(gate.to(wide))[:, None, None] * read
    return (o.transpose(1, 2).flatten(2) @ Wo.to(wide) + bo.to(wide)).to(x.dtype)
