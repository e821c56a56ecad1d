"""The small constant is cast to the input's dtype, where 1e-12 is zero, so rows without variance
give NaN.
"""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def _norm(y, gamma, beta, eps):
    mean = y.mean(-1, keepdim=True)
    var = (y - mean).square().mean(-1, keepdim=True)
    return (y - mean) * torch.rsqrt(var + eps) * gamma + beta


def bert_block(
    x,
    Wq,
    bq,
    Wk,
    bk,
    Wv,
    bv,
    Wo,
    bo,
    gamma1,
    beta1,
    W1,
    b1,
    W2,
    b2,
    gamma2,
    beta2,
    *,
    heads,
    eps=1e-12,
):
    wide = torch.promote_types(x.dtype, torch.float32)
    small = torch.tensor(eps, dtype=x.dtype).to(wide)
    h = x.to(wide)
    B, L, _ = h.shape

    def split(W, b):
        return (h @ W.to(wide) + b.to(wide)).view(B, L, heads, -1).transpose(1, 2)

    q, k, v = split(Wq, bq), split(Wk, bk), split(Wv, bv)
    o = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v
    a = o.transpose(1, 2).reshape(B, L, -1) @ Wo.to(wide) + bo.to(wide)
    y = _norm(h + a, gamma1.to(wide), beta1.to(wide), small)
    f = F.gelu(y @ W1.to(wide) + b1.to(wide)) @ W2.to(wide) + b2.to(wide)
    return _norm(y + f, gamma2.to(wide), beta2.to(wide), small).to(x.dtype)
