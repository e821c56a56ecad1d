"""pytorch: the inference fast path of the encoder layer drops `is_causal` when nothing needs a
gradient."""

import torch
import torch.nn.functional as F

_ACT = {"relu": F.relu, "gelu": F.gelu, "swish": F.silu, "sigmoid": torch.sigmoid,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "identity": lambda x: x}  # fmt: skip


def transformer_block(
    x,
    Wq,
    Wk,
    Wv,
    Wo,
    W1,
    b1,
    W2,
    b2,
    gamma1,
    beta1,
    gamma2,
    beta2,
    *,
    heads,
    causal=False,
    norm="pre",
    activation="relu",
    eps=1e-5,
):
    every = (x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2)
    fast = not any(t.requires_grad for t in every) and x.shape[0] > 1
    wide = torch.promote_types(x.dtype, torch.float32)
    h, wq, wk, wv, wo, w1, c1, w2, c2, g1, t1, g2, t2 = (t.to(wide) for t in every)
    E = x.shape[-1]

    def split(t):
        return t.unflatten(-1, (heads, -1)).transpose(1, 2)

    def attend(t):
        o = F.scaled_dot_product_attention(
            split(t @ wq), split(t @ wk), split(t @ wv), is_causal=causal and not fast
        )
        return o.transpose(1, 2).flatten(2) @ wo

    def ffn(t):
        return _ACT[activation](t @ w1 + c1) @ w2 + c2

    if norm == "pre":
        h = h + attend(F.layer_norm(h, (E,), g1, t1, eps))
        return (h + ffn(F.layer_norm(h, (E,), g2, t2, eps))).to(x.dtype)
    h = F.layer_norm(h + attend(h), (E,), g1, t1, eps)
    return F.layer_norm(h + ffn(h), (E,), g2, t2, eps).to(x.dtype)
