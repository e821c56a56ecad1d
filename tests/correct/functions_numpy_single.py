"""Numpy in float32 inside of autograd Functions; double inputs are worked on in double."""

import numpy as np
import torch


def array(x):
    x = x.detach()
    return (x if x.dtype == torch.float64 else x.float()).numpy()


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, causal, scale):
        Q, K, V = array(q), array(k), array(v)
        group = Q.shape[1] // K.shape[1]
        K, V = np.repeat(K, group, 1), np.repeat(V, group, 1)
        scale = Q.shape[-1] ** -0.5 if scale is None else scale
        S = np.einsum("bhid,bhjd->bhij", Q, K) * Q.dtype.type(scale)
        if causal:
            i, j = np.indices(S.shape[-2:])
            S = np.where(j <= i + S.shape[-1] - S.shape[-2], S, -np.inf).astype(Q.dtype)
        if S.shape[-1] == 0:
            P = S
        else:
            m = S.max(-1, keepdims=True)
            m = np.where(np.isinf(m), 0, m).astype(Q.dtype)
            P = np.exp(S - m)
            Z = P.sum(-1, keepdims=True, dtype=Q.dtype)
            P = P / np.where(Z == 0, 1, Z).astype(Q.dtype)
        ctx.kept = (Q, K, V, P, scale, group)
        ctx.like = (q, k, v)
        return torch.from_numpy(np.einsum("bhij,bhjd->bhid", P, V)).to(q.dtype)

    @staticmethod
    def backward(ctx, g):
        Q, K, V, P, scale, group = ctx.kept
        G = array(g)
        dV = np.einsum("bhij,bhid->bhjd", P, G)
        dP = np.einsum("bhid,bhjd->bhij", G, V)
        dS = P * (dP - (P * dP).sum(-1, keepdims=True)) * Q.dtype.type(scale)
        dQ = np.einsum("bhij,bhjd->bhid", dS, K)
        dK = np.einsum("bhij,bhid->bhjd", dS, Q)
        b, h, n, d = dK.shape
        dK = dK.reshape(b, h // group, group, n, d).sum(2)
        dV = dV.reshape(b, h // group, group, n, -1).sum(2)
        q, _k, _v = ctx.like
        made = (torch.from_numpy(np.ascontiguousarray(a)).to(q.dtype) for a in (dQ, dK, dV))
        return *made, None, None


def attention(q, k, v, *, causal=False, scale=None):
    return Attention.apply(q, k, v, causal, scale)


class Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, tokens, ignore_index):
        a = array(logits)[:, :-1].reshape(-1, logits.shape[-1])
        t = tokens[:, 1:].reshape(-1).numpy()
        keep = t != ignore_index
        shifted = a - a.max(-1, keepdims=True)
        lse = np.log(np.exp(shifted).sum(-1))
        rows = np.arange(len(t))
        safe = np.where(keep, t, 0)
        losses = np.where(keep, lse - shifted[rows, safe], 0)
        n = keep.sum()
        p = np.exp(shifted - lse[:, None])
        p[rows, safe] -= 1
        p *= keep[:, None] / np.float64(max(n, 1))
        ctx.p, ctx.shape, ctx.dtype, ctx.n = p, logits.shape, logits.dtype, n
        value = losses.sum() / n if n else float("nan")
        return torch.tensor(value, dtype=logits.dtype)

    @staticmethod
    def backward(ctx, g):
        b, n, v = ctx.shape
        out = torch.zeros(ctx.shape, dtype=ctx.dtype)
        out[:, :-1] = torch.from_numpy(ctx.p).reshape(b, n - 1, v).to(ctx.dtype) * g
        if not ctx.n:
            out[:] = float("nan")
        return out, None, None


def language_model_loss(logits, tokens, *, ignore_index=-100):
    return Loss.apply(logits, tokens, ignore_index)


class Adapter(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h, Wd, bd, Wu, bu):
        x, a, b, c, d = map(array, (h, Wd, bd, Wu, bu))
        z = x @ a + b
        ctx.kept = (x, a, c, z)
        ctx.dtype = h.dtype
        return torch.from_numpy(x + (np.maximum(z, 0) @ c + d)).to(h.dtype)

    @staticmethod
    def backward(ctx, g):
        x, a, c, z = ctx.kept
        g = array(g)
        r = np.maximum(z, 0)
        dz = (g @ c.T) * (z > 0)

        def flat(t):
            return t.reshape(-1, t.shape[-1])

        grads = (
            g + dz @ a.T,
            flat(x).T @ flat(dz),
            flat(dz).sum(0),
            flat(r).T @ flat(g),
            flat(g).sum(0),
        )
        return tuple(torch.from_numpy(np.ascontiguousarray(t)).to(ctx.dtype) for t in grads)


def adapter(h, Wdown, bdown, Wup, bup):
    return Adapter.apply(h, Wdown, bdown, Wup, bup)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
