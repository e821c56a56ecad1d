"""Post-norm: the feed-forward's residual is the sum before the norm, not the normed one (mlx
#1327).
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


def attend(y, m, Wq, Wk, Wv, Wo, heads, causal):
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (y @ Wq, m @ Wk, m @ Wv))
    s = q @ k.mT / q.shape[-1] ** 0.5
    if causal:
        s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), -torch.inf)
    p = torch.softmax(s, -1) if s.shape[-1] else s
    return (p @ v).transpose(1, 2).flatten(2) @ Wo


def decoder_block(
    x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2,
    gamma1, beta1, gamma2, beta2, gamma3, beta3,
    *, heads, norm="post", activation="relu", eps=1e-5,
):  # fmt: skip
    wide = torch.promote_types(x.dtype, torch.float32)
    given = (x, memory, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2)
    y, m, Wq, Wk, Wv, Wo, Cq, Ck, Cv, Co, W1, b1, W2, b2 = (t.to(wide) for t in given)
    size = x.shape[-1:]

    def n1(z):
        return F.layer_norm(z, size, gamma1.to(wide), beta1.to(wide), eps)

    def n2(z):
        return F.layer_norm(z, size, gamma2.to(wide), beta2.to(wide), eps)

    def n3(z):
        return F.layer_norm(z, size, gamma3.to(wide), beta3.to(wide), eps)

    def ffn(z):
        return ACT[activation](z @ W1 + b1) @ W2 + b2

    if norm == "pre":
        z = n1(y)
        y = y + attend(z, z, Wq, Wk, Wv, Wo, heads, True)
        y = y + attend(n2(y), m, Cq, Ck, Cv, Co, heads, False)
        return (y + ffn(n3(y))).to(x.dtype)
    y = n1(y + attend(y, y, Wq, Wk, Wv, Wo, heads, True))
    total = y + attend(y, m, Cq, Ck, Cv, Co, heads, False)
    return n3(total + ffn(n2(total))).to(x.dtype)
