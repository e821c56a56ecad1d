"""norm_first is read the wrong way round: pre-norm for post-norm and the reverse."""

import torch
import torch.nn.functional as F

MISTAKE = "transformer_block.placements-exchanged"


def transformer_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, *,
    heads, causal=False, norm="pre", activation="relu", eps=1e-5,
):  # fmt: skip
    dtype = torch.promote_types(x.dtype, torch.float32)
    y, Wq, Wk, Wv, Wo, W1, b1, W2, b2 = (t.to(dtype) for t in (x, Wq, Wk, Wv, Wo, W1, b1, W2, b2))
    gamma1, beta1, gamma2, beta2 = (t.to(dtype) for t in (gamma1, beta1, gamma2, beta2))

    def sa(z):
        q, k, v = ((z @ W).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wq, Wk, Wv))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return o.transpose(1, 2).flatten(2) @ Wo

    def ffn(z):
        return (F.relu if activation == "relu" else F.gelu)(z @ W1 + b1) @ W2 + b2

    def ln(z, gamma, beta):
        return F.layer_norm(z, z.shape[-1:], gamma, beta, eps)

    if norm == "post":
        y = y + sa(ln(y, gamma1, beta1))
        return (y + ffn(ln(y, gamma2, beta2))).to(x.dtype)
    y = ln(y + sa(y), gamma1, beta1)
    return ln(y + ffn(y), gamma2, beta2).to(x.dtype)
