"""Blocks of which torch.jit.script makes graphs; norms in float32, products in dtype."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


@torch.jit.script
def up(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


@torch.jit.script
def norm(x: Tensor, g: Tensor, b: Tensor, eps: float) -> Tensor:
    y = up(x)
    y = y - y.mean(-1, keepdim=True)
    y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps)
    return (y * up(g) + up(b)).to(x.dtype)


@torch.jit.script
def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    s = torch.matmul(up(q), up(k).transpose(-1, -2)) / math.sqrt(q.size(-1))
    if causal:
        n, m = s.size(-2), s.size(-1)
        seen = torch.ones(n, m, dtype=torch.bool).tril(m - n)
        s = s.masked_fill(~seen, float("-inf"))
    return torch.matmul(s.softmax(-1).to(v.dtype), v)


@torch.jit.script
def heads_of(x: Tensor, heads: int) -> Tensor:
    return x.view(x.size(0), x.size(1), heads, -1).transpose(1, 2)


@torch.jit.script
def mha(
    x: Tensor, m: Tensor, Wq: Tensor, Wk: Tensor, Wv: Tensor, Wo: Tensor, heads: int, causal: bool
) -> Tensor:
    o = attend(
        heads_of(torch.matmul(x, Wq), heads),
        heads_of(torch.matmul(m, Wk), heads),
        heads_of(torch.matmul(m, Wv), heads),
        causal,
    )
    return torch.matmul(o.transpose(1, 2).reshape(x.size(0), x.size(1), Wo.size(0)), Wo)


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
    norm_="pre",
    eps=1e-5,
):
    y = norm(x, gamma1, beta1, eps)
    x = x + mha(y, y, Wq, Wk, Wv, Wo, heads, causal)
    y = norm(x, gamma2, beta2, eps)
    return x + (F.relu(y @ W1 + b1) @ W2 + b2)


@torch.jit.script
def pre_norm_stack(
    x: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    gamma1: Tensor,
    beta1: Tensor,
    gamma2: Tensor,
    beta2: Tensor,
    gamma: Tensor,
    beta: Tensor,
    heads: int,
    causal: bool = False,
    eps: float = 1e-5,
) -> Tensor:
    for i in range(Wq.size(0)):
        y = norm(x, gamma1[i], beta1[i], eps)
        x = x + mha(y, y, Wq[i], Wk[i], Wv[i], Wo[i], heads, causal)
        y = norm(x, gamma2[i], beta2[i], eps)
        x = x + (torch.matmul(F.relu(torch.matmul(y, W1[i]) + b1[i]), W2[i]) + b2[i])
    return norm(x, gamma, beta, eps)


@torch.jit.script
def decoder_block(
    x: Tensor,
    memory: Tensor,
    Wq: Tensor,
    Wk: Tensor,
    Wv: Tensor,
    Wo: Tensor,
    Cq: Tensor,
    Ck: Tensor,
    Cv: Tensor,
    Co: Tensor,
    W1: Tensor,
    b1: Tensor,
    W2: Tensor,
    b2: Tensor,
    gamma1: Tensor,
    beta1: Tensor,
    gamma2: Tensor,
    beta2: Tensor,
    gamma3: Tensor,
    beta3: Tensor,
    heads: int,
    eps: float = 1e-5,
) -> Tensor:
    x = norm(x + mha(x, x, Wq, Wk, Wv, Wo, heads, True), gamma1, beta1, eps)
    x = norm(x + mha(x, memory, Cq, Ck, Cv, Co, heads, False), gamma2, beta2, eps)
    return norm(x + (torch.matmul(F.relu(torch.matmul(x, W1) + b1), W2) + b2), gamma3, beta3, eps)


CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"transformer_block": {}, "pre_norm_stack": {}, "decoder_block": {}},
}
