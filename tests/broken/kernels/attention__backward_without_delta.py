"""The backward kernel forgets Delta, the row sum of dP P."""

import torch
from _interpreted import tl, triton

MISTAKE = "attention.wrong-delta"


@triton.jit
def _tile(x, i, d, rows, stride, cols, stride_col):
    keep = (i < rows)[:, None] & (d < cols)[None, :]
    return tl.load(x + i[:, None] * stride + d[None, :] * stride_col, mask=keep, other=0.0).to(
        tl.float32
    )


@triton.jit
def _kernel(
    q, k, v, do, o, dq, dk, dv, heads, group, lq, lk, scale, qs, ks, vs, gs,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, CAUSAL: tl.constexpr, FORWARD: tl.constexpr,
):  # fmt: skip
    """One head a program, everything in one tile; dk and dv for each query head."""
    head = tl.program_id(0)
    b, h = head // heads, head % heads
    i, j, d, e = tl.arange(0, M), tl.arange(0, N), tl.arange(0, BD), tl.arange(0, BDV)
    queries = _tile(q + b * qs[0] + h * qs[1], i, d, lq, qs[2], D, qs[3])
    keys = _tile(k + b * ks[0] + h // group * ks[1], j, d, lk, ks[2], D, ks[3])
    values = _tile(v + b * vs[0] + h // group * vs[1], j, e, lk, vs[2], DV, vs[3])
    s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
    see = (j < lk)[None, :] & (i < lq)[:, None]
    if CAUSAL:
        see = see & (j[None, :] <= i[:, None] + lk - lq)
    s = tl.where(see, s, -float("inf"))
    top = tl.max(s, 1)
    p = tl.exp(s - tl.where(top == -float("inf"), 0.0, top)[:, None])
    total = tl.sum(p, 1)
    p = p / tl.where(total > 0, total, 1.0)[:, None]
    out = tl.dot(p, values, input_precision="ieee")
    mine, theirs = (i < lq)[:, None], (j < lk)[:, None]
    if FORWARD:
        tl.store(o + (head * lq + i)[:, None] * DV + e[None, :], out, mask=mine & (e < DV)[None, :])
    else:
        grads = _tile(do + b * gs[0] + h * gs[1], i, e, lq, gs[2], DV, gs[3])
        dp = tl.dot(grads, tl.trans(values), input_precision="ieee")
        ds = p * dp
        grad = tl.dot(ds, keys, input_precision="ieee") * scale
        tl.store(dq + (head * lq + i)[:, None] * D + d[None, :], grad, mask=mine & (d < D)[None, :])
        grad = tl.dot(tl.trans(ds), queries, input_precision="ieee") * scale
        where = dk + (head * lk + j)[:, None] * D + d[None, :]
        tl.store(where, grad, mask=theirs & (d < D)[None, :])
        grad = tl.dot(tl.trans(p), grads, input_precision="ieee")
        where = dv + (head * lk + j)[:, None] * DV + e[None, :]
        tl.store(where, grad, mask=theirs & (e < DV)[None, :])


def _launch(q, k, v, do, o, dq, dk, dv, causal, scale):
    (b, h, lq, d), (_, kv, lk, size) = q.shape, v.shape
    wide = [max(16, triton.next_power_of_2(n)) for n in (d, size, lq, lk)]
    _kernel[(b * h,)](
        q, k, v, do, o, dq, dk, dv, h, h // kv, lq, lk, scale,
        q.stride(), k.stride(), v.stride(), do.stride(),
        D=d, DV=size, BD=wide[0], BDV=wide[1], M=wide[2], N=wide[3], CAUSAL=causal,
        FORWARD=dq is None,
    )  # fmt: skip


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, causal, scale):
        o = torch.empty(*q.shape[:3], v.shape[3], dtype=q.dtype)
        _launch(q, k, v, o, o, None, None, None, causal, scale)
        ctx.save_for_backward(q, k, v, o)
        ctx.settings = causal, scale
        return o

    @staticmethod
    def backward(ctx, do):
        q, k, v, o = ctx.saved_tensors
        (b, kv, lk), h = k.shape[:3], q.shape[1]
        dq = torch.empty(q.shape, dtype=q.dtype)
        dk = torch.empty(b, h, lk, k.shape[3])
        dv = torch.empty(b, h, lk, v.shape[3])
        _launch(q, k, v, do, o, dq, dk, dv, *ctx.settings)
        dk, dv = (x.unflatten(1, (kv, h // kv)).sum(2).to(q.dtype) for x in (dk, dv))
        return dq, dk, dv, None, None


def attention(q, k, v, *, causal=False, scale=None):
    return _Attention.apply(q, k, v, causal, q.shape[3] ** -0.5 if scale is None else scale)
