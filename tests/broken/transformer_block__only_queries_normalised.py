"""The pre-norm wrapper normalises the first of its inputs, so keys and values are raw (xformers
#233).
"""

import torch
import torch.nn.functional as F

ACT = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda z: z,
}


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2,
    *, heads, causal=False, norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    wide = torch.promote_types(x.dtype, torch.float32)
    y, Wq, Wk, Wv, Wo, W1, b1, W2, b2, g1, e1, g2, e2 = (
        t.to(wide) for t in (x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    )

    def attend(q, k, v):
        q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q @ Wq, k @ Wk, v @ Wv))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return o.transpose(1, 2).flatten(2) @ Wo

    def ffn(z):
        return ACT[activation](z @ W1 + b1) @ W2 + b2

    size = x.shape[-1:]
    if norm == "pre":
        y = y + attend(F.layer_norm(y, size, g1, e1, eps), y, y)
        return (y + ffn(F.layer_norm(y, size, g2, e2, eps))).to(x.dtype)
    y = F.layer_norm(y + attend(y, y, y), size, g1, e1, eps)
    return F.layer_norm(y + ffn(y), size, g2, e2, eps).to(x.dtype)
