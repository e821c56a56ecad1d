"""Scores are written by one kernel and read by the next, as standard attention does."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _scores(
    q, k, s, heads, group, lq, lk, scale, qs, ks, D: tl.constexpr, BD: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1)
    b, h = head // heads, head % heads
    i = (tl.program_id(0) * M + tl.arange(0, M))[:, None]
    d = tl.arange(0, BD)[None, :]
    q += b * qs[0] + h * qs[1]
    k += b * ks[0] + h // group * ks[1]
    queries = tl.load(q + i * qs[2] + d * qs[3], mask=(i < lq) & (d < D), other=0.0)
    for start in range(0, lk, N):
        j = (start + tl.arange(0, N))[:, None]
        keys = tl.load(k + j * ks[2] + d * ks[3], mask=(j < lk) & (d < D), other=0.0)
        x = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        at = tl.trans(j)
        if CAUSAL:
            x = tl.where(at <= i + lk - lq, x, -float("inf"))
        tl.store(s + (head * lq + i) * lk + at, x, mask=(i < lq) & (at < lk))


@triton.jit
def _values(
    s, v, o, heads, group, lq, lk, vs, DV: tl.constexpr, BDV: tl.constexpr,
    M: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1)
    b, h = head // heads, head % heads
    i = (tl.program_id(0) * M + tl.arange(0, M))[:, None]
    j, e = tl.arange(0, L)[None, :], tl.arange(0, BDV)[None, :]
    x = tl.load(s + (head * lq + i) * lk + j, mask=(i < lq) & (j < lk), other=-float("inf"))
    top = tl.max(x, 1)[:, None]
    p = tl.exp(x - tl.where(top == -float("inf"), 0.0, top))
    total = tl.sum(p, 1)[:, None]
    v += b * vs[0] + h // group * vs[1]
    rows = tl.trans(j)
    values = tl.load(v + rows * vs[2] + e * vs[3], mask=(rows < lk) & (e < DV), other=0.0)
    out = tl.dot(p.to(v.dtype.element_ty), values, input_precision="ieee")
    out = out / tl.where(total > 0, total, 1.0)
    tl.store(o + (head * lq + i) * DV + e, out, mask=(i < lq) & (e < DV))


def attention(q, k, v, *, causal=False, scale=None):
    (b, h, lq, d), (_, kv, lk, dv) = q.shape, v.shape
    o = torch.empty(b, h, lq, dv, dtype=q.dtype)
    s = torch.empty(b, h, lq, lk)
    grid = (triton.cdiv(lq, 32), b * h)
    wide, wide_v = max(16, triton.next_power_of_2(d)), max(16, triton.next_power_of_2(dv))
    _scores[grid](
        q, k, s, h, h // kv, lq, lk, d**-0.5 if scale is None else scale, q.stride(), k.stride(),
        D=d, BD=wide, M=32, N=32, CAUSAL=causal,
    )  # fmt: skip
    _values[grid](
        s, v, o, h, h // kv, lq, lk, v.stride(), DV=dv, BDV=wide_v, M=32,
        L=max(16, triton.next_power_of_2(lk)),
    )  # fmt: skip
    return o
