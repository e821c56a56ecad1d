"""The adapters act on the stream behind the residual addition."""

import torch
import torch.nn.functional as F

MISTAKE = "adapter_block.after-the-residual"


def adapter_block(
    x, Wq, Wk, Wv, Wo, W1, b1, W2, b2, gamma1, beta1, gamma2, beta2, Wdown, bdown, Wup, bup, *,
    heads, activation="relu", eps=1e-5,
):  # fmt: skip
    dtype = torch.promote_types(x.dtype, torch.float32)
    y = x.to(dtype)
    act = F.relu if activation == "relu" else F.gelu

    def adapted(z, n):
        inner = act(z @ Wdown[n].to(dtype) + bdown[n])
        return z + inner @ Wup[n].to(dtype) + bup[n]

    def normed(z, gamma, beta):
        return F.layer_norm(z, z.shape[-1:], gamma.to(dtype), beta.to(dtype), eps)

    q, k, v = ((y @ W.to(dtype)).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wq, Wk, Wv))
    o = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2) @ Wo.to(dtype)
    y = normed(adapted(y + o, 0), gamma1, beta1)
    f = act(y @ W1.to(dtype) + b1) @ W2.to(dtype) + b2
    return normed(adapted(y + f, 1), gamma2, beta2).to(x.dtype)
