"""The second residual starts at the block's input, not at the first norm's output."""

import torch
import torch.nn.functional as F

MISTAKE = "bert_block.second-residual-from-x"


def bert_block(
    x, Wq, bq, Wk, bk, Wv, bv, Wo, bo, gamma1, beta1, W1, b1, W2, b2, gamma2, beta2, *,
    heads, eps=1e-12,
):  # fmt: skip
    dtype = torch.promote_types(x.dtype, torch.float32)
    y, *w = (t.to(dtype) for t in (x, Wq, bq, Wk, bk, Wv, bv, Wo, bo))
    pairs = ((w[0], w[1]), (w[2], w[3]), (w[4], w[5]))
    q, k, v = ((y @ W + b).unflatten(-1, (heads, -1)).transpose(1, 2) for W, b in pairs)
    o = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2) @ w[6] + w[7]
    size = x.shape[-1:]
    h3 = F.layer_norm(o + y, size, gamma1.to(dtype), beta1.to(dtype), eps)
    h5 = F.gelu(h3 @ W1.to(dtype) + b1) @ W2.to(dtype) + b2
    return F.layer_norm(h5 + y, size, gamma2.to(dtype), beta2.to(dtype), eps).to(x.dtype)
