"""A stride of zero is taken for one not given: expanded keys and values are read as if packed."""

import torch
from _interpreted import tl, triton


@triton.jit
def _tile(x, i, d, rows, cols, stride, stride_col):
    keep = (i < rows)[:, None] & (d < cols)[None, :]
    return tl.load(x + i[:, None] * stride + d[None, :] * stride_col, mask=keep, other=0.0)


@triton.jit
def _forward(
    q, k, v, o, lse, heads, group, lq, lk, scale, qs, ks, vs,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    M: tl.constexpr, N: tl.constexpr, CAUSAL: tl.constexpr, EVEN: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1)
    b, h = (head // heads).to(tl.int64), head % heads
    i = tl.program_id(0) * M + tl.arange(0, M)
    d, e = tl.arange(0, BD), tl.arange(0, BDV)
    k += b * ks[0] + h // group * ks[1]
    v += b * vs[0] + h // group * vs[1]
    queries = _tile(q + b * qs[0] + h * qs[1], i, d, lq, D, qs[2], qs[3])
    acc = tl.zeros([M, BDV], tl.float32)
    total = tl.zeros([M], tl.float32)
    top = tl.full([M], -float("inf"), tl.float32)
    for start in range(0, lk, N):
        j = start + tl.arange(0, N)
        keys = _tile(k, j, d, lk, D, ks[2], ks[3])
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        if not EVEN:
            s = tl.where((j < lk)[None, :], s, -float("inf"))
        if CAUSAL:
            s = tl.where(j[None, :] <= i[:, None] + lk - lq, s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        base = tl.where(new == -float("inf"), 0.0, new)
        p = tl.exp(s - base[:, None])
        shrink = tl.exp(top - base)
        total = total * shrink + tl.sum(p, 1)
        values = _tile(v, j, e, lk, DV, vs[2], vs[3])
        acc = tl.dot(p.to(values.dtype), values, acc * shrink[:, None], input_precision="ieee")
        top = new
    out = acc / tl.where(total > 0, total, 1.0)[:, None]
    keep = (i < lq)[:, None] & (e < DV)[None, :]
    tl.store(o + (head * lq + i)[:, None] * DV + e[None, :], out, mask=keep)
    value = tl.where(total > 0, top + tl.log(tl.where(total > 0, total, 1.0)), -float("inf"))
    tl.store(lse + head * lq + i, value, mask=i < lq)


def _steps(x):
    kv, length, size = x.shape[1:]
    packed = kv * length * size, length * size, size, 1
    return tuple(given or usual for given, usual in zip(x.stride(), packed, strict=True))


def _run(q, k, v, causal, scale):
    (b, h, lq, d), (_, kv, lk, dv) = q.shape, v.shape
    o = torch.empty(b, h, lq, dv, dtype=q.dtype)
    lse = torch.empty(b, h, lq)
    wide = [max(16, triton.next_power_of_2(n)) for n in (d, dv)]
    if o.numel():
        _forward[(triton.cdiv(lq, 16), b * h)](
            q, k, v, o, lse, h, h // kv, lq, lk, d**-0.5 if scale is None else scale,
            q.stride(), _steps(k), _steps(v),
            D=d, DV=dv, BD=wide[0], BDV=wide[1], M=16, N=32, CAUSAL=causal, EVEN=lk % 32 == 0,
        )  # fmt: skip
    return o, lse


def attention(q, k, v, *, causal=False, scale=None):
    if torch.is_grad_enabled() and any(x.requires_grad for x in (q, k, v)):
        raise NotImplementedError("no gradient")
    return _run(q, k, v, causal, scale)[0]
