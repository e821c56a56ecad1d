"""The packed rows are padded to a dense batch in memory before a dense kernel runs."""

import torch
from _interpreted import tl, triton

CONFORM = {"promises": ["traffic"]}


@triton.jit
def _kernel(
    q, k, v, o, cu_q, cu_k, heads, group, scale, qs, ks, vs, cqs, cks,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    b, h = tl.program_id(1) // heads, tl.program_id(1) % heads
    first, last = tl.load(cu_q + b * cqs), tl.load(cu_q + (b + 1) * cqs)
    begin, end = tl.load(cu_k + b * cks), tl.load(cu_k + (b + 1) * cks)
    lq, lk = last - first, end - begin
    if tl.program_id(0) * M >= lq:
        return
    i = tl.program_id(0) * M + tl.arange(0, M)
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    mine = (i < lq)[:, None]
    where = q + (first + i)[:, None] * qs[0] + h * qs[1] + d[None, :] * qs[2]
    queries = tl.load(where, mask=mine & (d < D)[None, :], other=0.0)
    acc = tl.zeros([M, BDV], tl.float32)
    total = tl.zeros([M], tl.float32)
    top = tl.full([M], -float("inf"), tl.float32)
    for start in range(0, lk, N):
        j = start + tl.arange(0, N)
        real = (j < lk)[:, None]
        where = k + (begin + j)[:, None] * ks[0] + h // group * ks[1] + d[None, :] * ks[2]
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
        where = v + (begin + j)[:, None] * vs[0] + h // group * vs[1] + e[None, :] * vs[2]
        values = tl.load(where, mask=real & (e < DV)[None, :], other=0.0)
        acc = tl.dot(p.to(values.dtype), values, acc * shrink[:, None], input_precision="ieee")
        top = new
    out = acc / tl.where(total > 0, total, 1.0)[:, None]
    where = o + (first + i)[:, None] * heads * DV + h * DV + e[None, :]
    tl.store(where, out, mask=mine & (e < DV)[None, :])


def _padded(x, cu):
    lengths = (cu[1:] - cu[:-1]).tolist()
    dense = torch.zeros(len(lengths), max([*lengths, 0]), *x.shape[1:], dtype=x.dtype)
    for b, n in enumerate(lengths):
        dense[b, :n] = x[int(cu[b]) : int(cu[b]) + n]
    return torch.cat([dense[b, :n] for b, n in enumerate(lengths)]) if lengths else x


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, scale=None):
    q, k, v = _padded(q, cu_q), _padded(k, cu_k), _padded(v, cu_k)
    (t, h, d), (_, kv, dv) = q.shape, v.shape
    o = torch.empty(t, h, dv, dtype=q.dtype)
    longest = int((cu_q[1:] - cu_q[:-1]).max()) if cu_q.numel() > 1 else 0
    wide = [max(16, triton.next_power_of_2(n)) for n in (d, dv)]
    if longest and o.numel():
        _kernel[(triton.cdiv(longest, 16), (cu_q.numel() - 1) * h)](
            q, k, v, o, cu_q, cu_k, h, h // kv, d**-0.5 if scale is None else scale,
            q.stride(), k.stride(), v.stride(), cu_q.stride(0), cu_k.stride(0),
            D=d, DV=dv, BD=wide[0], BDV=wide[1], M=16, N=16, CAUSAL=causal,
        )  # fmt: skip
    return o
