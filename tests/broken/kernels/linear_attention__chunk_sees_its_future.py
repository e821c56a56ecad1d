"""Within a chunk later keys are visible."""

import torch
from _interpreted import tl, triton


@triton.jit
def _load(x, i, d, length, strides, D: tl.constexpr):
    keep = (i < length)[:, None] & (d < D)[None, :]
    where = x + i[:, None] * strides[2] + d[None, :] * strides[3]
    return tl.load(where, mask=keep, other=0.0).to(tl.float32), keep


@triton.jit
def _kernel(
    q, k, v, o, heads, length, qs, ks, vs,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(0)
    b, h = head // heads, head % heads
    c, d, e = tl.arange(0, C), tl.arange(0, BD), tl.arange(0, BDV)
    state = tl.zeros([BD, BDV], tl.float32)
    mass = tl.zeros([1, BD], tl.float32)
    for start in range(0, length, C):
        i = start + c
        x, keep = _load(q + b * qs[0] + h * qs[1], i, d, length, qs, D)
        phi_q = tl.where(keep, tl.where(x > 0, x + 1.0, tl.exp(tl.minimum(x, 0.0))), 0.0)
        x, keep = _load(k + b * ks[0] + h * ks[1], i, d, length, ks, D)
        phi_k = tl.where(keep, tl.where(x > 0, x + 1.0, tl.exp(tl.minimum(x, 0.0))), 0.0)
        values, mine = _load(v + b * vs[0] + h * vs[1], i, e, length, vs, DV)
        weights = tl.dot(phi_q, tl.trans(phi_k), input_precision="ieee")
        top = tl.dot(weights, values, input_precision="ieee")
        top += tl.dot(phi_q, state, input_precision="ieee")
        bottom = tl.sum(weights, 1) + tl.sum(phi_q * mass, 1)
        state += tl.dot(tl.trans(phi_k), values, input_precision="ieee")
        mass += tl.sum(phi_k, 0)[None, :]
        out = top / tl.where(i < length, bottom, 1.0)[:, None]
        tl.store(o + (head * length + i)[:, None] * DV + e[None, :], out, mask=mine)


def linear_attention(q, k, v):
    (b, h, length, d), dv = q.shape, v.shape[3]
    o = torch.empty(b, h, length, dv, dtype=q.dtype)
    _kernel[(b * h,)](
        q, k, v, o, h, length, q.stride(), k.stride(), v.stride(), D=d, DV=dv,
        BD=max(16, triton.next_power_of_2(d)), BDV=max(16, triton.next_power_of_2(dv)), C=16,
    )  # fmt: skip
    return o


CONFORM = {"operators": {"linear_attention": {"fixed": {"causal": True}}}}
