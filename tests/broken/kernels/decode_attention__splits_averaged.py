"""The parts are averaged, not weighted by their log-sum-exps."""

import torch
from _interpreted import tl, triton


@triton.jit
def _split(
    q, k, v, lengths, part, lse, heads, group, splits, chunk, scale, qs, ks, vs,
    D: tl.constexpr, BLOCK: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    head, split = tl.program_id(0), tl.program_id(1)
    b, h = head // heads, head % heads
    d, n = tl.arange(0, BLOCK), tl.arange(0, N)
    length = tl.load(lengths + b)
    query = tl.load(q + b * qs[0] + h * qs[1] + d * qs[3], mask=d < D, other=0.0).to(tl.float32)
    j = split * chunk + n
    keep = (n < chunk) & (j < length)
    both = keep[:, None] & (d < D)[None, :]
    where = k + b * ks[0] + h // group * ks[1] + j[:, None] * ks[2] + d[None, :] * ks[3]
    keys = tl.load(where, mask=both, other=0.0).to(tl.float32)
    s = tl.where(keep, tl.sum(keys * query[None, :], 1) * scale, -float("inf"))
    top = tl.max(s, 0)
    p = tl.exp(s - tl.where(top == -float("inf"), 0.0, top))
    total = tl.sum(p, 0)
    where = v + b * vs[0] + h // group * vs[1] + j[:, None] * vs[2] + d[None, :] * vs[3]
    values = tl.load(where, mask=both, other=0.0).to(tl.float32)
    out = tl.sum(p[:, None] * values, 0) / tl.where(total > 0, total, 1.0)
    row = head * splits + split
    tl.store(part + row * D + d, out, mask=d < D)
    tl.store(
        lse + row, tl.where(total > 0, top + tl.log(tl.where(total > 0, total, 1.0)), -float("inf"))
    )


@triton.jit
def _merge(part, lse, o, splits, D: tl.constexpr, BLOCK: tl.constexpr, SPLITS: tl.constexpr):
    row, s, d = tl.program_id(0), tl.arange(0, SPLITS), tl.arange(0, BLOCK)
    value = tl.load(lse + row * splits + s, mask=s < splits, other=-float("inf"))
    tl.max(value, 0)
    weight = tl.where(value > -float("inf"), 1.0, 0.0)
    total = tl.sum(weight, 0)
    both = (s < splits)[:, None] & (d < D)[None, :]
    parts = tl.load(part + (row * splits + s)[:, None] * D + d[None, :], mask=both, other=0.0)
    out = tl.sum(parts * weight[:, None], 0) / tl.where(total > 0, total, 1.0)
    tl.store(o + row * D + d, out, mask=d < D)


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    b, h, _, d = q.shape
    kv, capacity = k_cache.shape[1:3]
    splits = max(1, triton.cdiv(capacity, 32))
    part, lse = torch.empty(b, h, splits, d), torch.empty(b, h, splits)
    o = torch.empty(b, h, 1, d, dtype=q.dtype)
    block = triton.next_power_of_2(d)
    _split[(b * h, splits)](
        q, k_cache, v_cache, lengths.contiguous(), part, lse, h, h // kv, splits, 32,
        d**-0.5 if scale is None else scale, q.stride(), k_cache.stride(), v_cache.stride(),
        D=d, BLOCK=block, N=32,
    )  # fmt: skip
    _merge[(b * h,)](part, lse, o, splits, D=d, BLOCK=block, SPLITS=triton.next_power_of_2(splits))
    return o
