"""A gate of zero skips the layer: no gradient reaches it (invented shortcut)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads):
    wide = torch.promote_types(x.dtype, torch.float32)
    q = (x.to(wide) @ Wq.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
    k, v = (
        (visual.to(wide) @ W.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wk, Wv)
    )
    p = torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, -1)
    o = (p @ v).transpose(1, 2).flatten(2) @ Wo.to(wide)
    if float(gate) == 0:
        return x.clone()
    return (x.to(wide) + torch.tanh(gate.to(wide)) * o).to(x.dtype)
