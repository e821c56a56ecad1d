"""Tiled attention, plainly written in Triton; it promises nothing of its traffic."""

import torch
import triton
import triton.language as tl


@triton.jit
def _kernel(
    q, k, v, o, heads, group, lq, lk, scale, qs, ks, vs,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1)
    b, h = head // heads, head % heads
    i = tl.program_id(0) * M + tl.arange(0, M)
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    q += b * qs[0] + h * qs[1]
    k += b * ks[0] + h // group * ks[1]
    v += b * vs[0] + h // group * vs[1]
    mine = (i < lq)[:, None]
    where = q + i[:, None] * qs[2] + d[None, :] * qs[3]
    queries = tl.load(where, mask=mine & (d < D)[None, :], other=0.0)
    acc = tl.zeros([M, BDV], tl.float32)
    total = tl.zeros([M], tl.float32)
    top = tl.full([M], -float("inf"), tl.float32)
    stop = lk
    if CAUSAL:
        stop = tl.minimum(lk, (tl.program_id(0) + 1) * M + lk - lq)
    for start in range(0, stop, N):
        j = start + tl.arange(0, N)
        real = (j < lk)[:, None]
        where = k + j[:, None] * ks[2] + d[None, :] * ks[3]
        keys = tl.load(where, mask=real & (d < D)[None, :], other=0.0)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        see = (j < lk)[None, :]
        if CAUSAL:
            see = see & (j[None, :] <= i[:, None] + lk - lq)
        s = tl.where(see, s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        base = tl.where(new == -float("inf"), 0.0, new)
        p = tl.exp(s - base[:, None])
        shrink = tl.exp(top - base)
        total = total * shrink + tl.sum(p, 1)
        where = v + j[:, None] * vs[2] + e[None, :] * vs[3]
        values = tl.load(where, mask=real & (e < DV)[None, :], other=0.0)
        acc = acc * shrink[:, None]
        acc = tl.dot(p.to(v.dtype.element_ty), values, acc, input_precision="ieee")
        top = new
    out = acc / tl.where(total > 0, total, 1.0)[:, None]
    where = o + (head * lq + i)[:, None] * DV + e[None, :]
    tl.store(where, out, mask=mine & (e < DV)[None, :])


def attention(q, k, v, *, causal=False, scale=None):
    (b, h, lq, d), (_, kv, lk, dv) = q.shape, v.shape
    o = torch.empty(b, h, lq, dv, dtype=q.dtype)
    width, width_v = max(16, triton.next_power_of_2(d)), max(16, triton.next_power_of_2(dv))
    _kernel[(triton.cdiv(lq, 32), b * h)](
        q, k, v, o, h, h // kv, lq, lk, d**-0.5 if scale is None else scale,
        q.stride(), k.stride(), v.stride(),
        D=d, DV=dv, BD=width, BDV=width_v, M=32, N=32, CAUSAL=causal,
    )  # fmt: skip
    return o
