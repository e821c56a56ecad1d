"""Self-attention of the decoder sees the tokens that it is to predict."""

import torch
import torch.nn.functional as F

MISTAKE = "decoder_block.not-causal"


def decoder_block(
    x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2,
    gamma1, beta1, gamma2, beta2, gamma3, beta3, *,
    heads, norm="post", activation="relu", eps=1e-5,
):  # fmt: skip
    dtype = torch.promote_types(x.dtype, torch.float32)

    def attend(z, source, *weights):
        q, k, v, o = (W.to(dtype) for W in weights)
        parts = (z @ q, source @ k, source @ v)
        parts = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in parts)
        return F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2) @ o

    def forward(z):
        inner = (F.relu if activation == "relu" else F.gelu)(z @ W1.to(dtype) + b1)
        return inner @ W2.to(dtype) + b2

    y, z = x.to(dtype), memory.to(dtype)
    for sublayer, gamma, beta in (
        (lambda t: attend(t, t, Wq, Wk, Wv, Wo), gamma1, beta1),
        (lambda t: attend(t, z, Cq, Ck, Cv, Co), gamma2, beta2),
        (forward, gamma3, beta3),
    ):
        pair = (gamma.to(dtype), beta.to(dtype), eps)
        if norm == "pre":
            y = y + sublayer(F.layer_norm(y, y.shape[-1:], *pair))
        else:
            y = F.layer_norm(y + sublayer(y), y.shape[-1:], *pair)
    return y.to(x.dtype)
