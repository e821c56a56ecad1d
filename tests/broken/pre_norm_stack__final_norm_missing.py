"""The last layer norm is left out: the raw stream goes to the head."""

import torch
import torch.nn.functional as F

MISTAKE = "pre_norm_stack.final-norm-missing"


def pre_norm_stack(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, gamma, beta, *,
    heads, causal=False, activation="relu", eps=1e-5,
):  # fmt: skip
    dtype = torch.promote_types(x.dtype, torch.float32)
    weights = (Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    act = F.relu if activation == "relu" else F.gelu
    y = x.to(dtype)
    for q_, k_, v_, o_, u, a, d, b, g1, c1, g2, c2 in zip(
        *(t.to(dtype) for t in weights), strict=True
    ):
        z = F.layer_norm(y, y.shape[-1:], g1, c1, eps)
        q, k, v = ((z @ W).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (q_, k_, v_))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        y = y + o.transpose(1, 2).flatten(2) @ o_
        y = y + act(F.layer_norm(y, y.shape[-1:], g2, c2, eps) @ u + a) @ d + b
    return y.to(x.dtype)
