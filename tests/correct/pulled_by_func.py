"""Tokens and scores by torch.vmap; on the way back torch.func.vjp evaluates them anew."""

import torch
from torch.func import vjp, vmap

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class Pulled(torch.autograd.Function):
    """f(*tensors); the way back makes f's vjp anew."""

    @staticmethod
    def forward(ctx, f, *tensors):
        ctx.f = f
        ctx.save_for_backward(*tensors)
        return f(*tensors)

    @staticmethod
    def backward(ctx, g):
        _, back = vjp(ctx.f, *(t.detach() for t in ctx.saved_tensors))
        return None, *back(g)


def additive_score(h, s, W, v):
    def f(h, s, W, v):
        def one(a, b):
            return up(v) @ torch.tanh(up(W) @ torch.cat([up(a), up(b)]))

        return vmap(vmap(one, (0, None)), (0, 0))(h, s).to(h.dtype)

    return Pulled.apply(f, h, s, W, v)


def bilinear_score(h, s, W):
    return Pulled.apply(
        lambda h, s, W: vmap(lambda a, b: up(a) @ (up(W) @ up(b)))(h, s).to(h.dtype), h, s, W
    )


def mlp_score(h, s, W1, b1, W2, b2):
    def f(h, s, W1, b1, W2, b2):
        def one(a, b):
            return (torch.relu(torch.cat([up(a), up(b)]) @ up(W1) + up(b1)) @ up(W2) + up(b2))[0]

        return vmap(vmap(one, (0, None)))(h, s).to(h.dtype)

    return Pulled.apply(f, h, s, W1, b1, W2, b2)


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    if activation not in ("relu", "swish"):
        raise NotImplementedError
    act = torch.relu if activation == "relu" else torch.nn.functional.silu

    def f(x, W1, b1, W2, b2):
        def token(t):
            return act(t @ up(W1) + up(b1)) @ up(W2) + up(b2)

        return vmap(token)(up(x).reshape(-1, x.shape[-1])).reshape(x.shape).to(x.dtype)

    if not x.numel():
        return x.clone()
    return Pulled.apply(f, x, W1, b1, W2, b2)


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    def f(x, Wq, Wk, Wv):
        def seq(t):
            q, k, v = t @ up(Wq), t @ up(Wk), t @ up(Wv)
            z = q @ k.mT / q.shape[-1] ** 0.5
            if causal:
                z = torch.where(torch.ones_like(z).tril() > 0, z, -torch.inf)
            return torch.softmax(z, -1) @ v

        return vmap(seq)(up(x)).to(x.dtype)

    return Pulled.apply(f, x, Wq, Wk, Wv)
