"""The last split to arrive merges; the counter of arrivals is kept and never set back."""

import torch
from _interpreted import tl, triton


@triton.jit
def _split(
    q, k, v, lengths, part, lse, o, arrived, heads, group, splits, chunk, scale, qs, ks, vs, step,
    D: tl.constexpr, BLOCK: tl.constexpr, N: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    head, split = tl.program_id(0), tl.program_id(1)
    b, h = head // heads, head % heads
    d = tl.arange(0, BLOCK)
    length = tl.load(lengths + b * step)
    query = tl.load(q + b * qs[0] + h * qs[1] + d * qs[3], mask=d < D, other=0.0).to(tl.float32)
    acc = tl.zeros([BLOCK], tl.float32)
    total = 0.0 * head
    top = -float("inf") + 0.0 * head
    for start in range(split * chunk, tl.minimum(split * chunk + chunk, length), N):
        j = start + tl.arange(0, N)
        keep = j < tl.minimum(split * chunk + chunk, length)
        both = keep[:, None] & (d < D)[None, :]
        where = k + b * ks[0] + h // group * ks[1] + j[:, None] * ks[2] + d[None, :] * ks[3]
        keys = tl.load(where, mask=both, other=0.0).to(tl.float32)
        s = tl.where(keep, tl.sum(keys * query[None, :], 1) * scale, -float("inf"))
        new = tl.maximum(top, tl.max(s, 0))
        p = tl.exp(s - new)
        shrink = tl.exp(top - new)
        where = v + b * vs[0] + h // group * vs[1] + j[:, None] * vs[2] + d[None, :] * vs[3]
        values = tl.load(where, mask=both, other=0.0).to(tl.float32)
        acc = acc * shrink + tl.sum(p[:, None] * values, 0)
        total = total * shrink + tl.sum(p, 0)
        top = new
    row = head * splits + split
    tl.store(part + row * D + d, acc / tl.where(total > 0, total, 1.0), mask=d < D)
    tl.store(
        lse + row, tl.where(total > 0, top + tl.log(tl.where(total > 0, total, 1.0)), -float("inf"))
    )
    if tl.atomic_add(arrived + head, 1) == splits - 1:
        _merge(part, lse, o, head, splits, D, BLOCK, SPLITS)


@triton.jit
def _merge(part, lse, o, row, splits, D: tl.constexpr, BLOCK: tl.constexpr, SPLITS: tl.constexpr):
    s, d = tl.arange(0, SPLITS), tl.arange(0, BLOCK)
    value = tl.load(lse + row * splits + s, mask=s < splits, other=-float("inf"))
    top = tl.max(value, 0)
    weight = tl.exp(value - tl.where(top > -float("inf"), top, 0.0))
    total = tl.sum(weight, 0)
    both = (s < splits)[:, None] & (d < D)[None, :]
    parts = tl.load(part + (row * splits + s)[:, None] * D + d[None, :], mask=both, other=0.0)
    out = tl.sum(parts.to(tl.float32) * weight[:, None], 0) / tl.where(total > 0, total, 1.0)
    tl.store(o + row * D + d, out, mask=d < D)


_ARRIVED = {}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    b, h, _, d = q.shape
    kv, capacity = k_cache.shape[1:3]
    splits = 4
    chunk = max(1, triton.cdiv(capacity, splits))
    part, lse = torch.empty(b, h, splits, d), torch.empty(b, h, splits)
    o = torch.empty(b, h, 1, d, dtype=q.dtype)
    if b * h not in _ARRIVED:
        _ARRIVED[b * h] = torch.zeros(b * h, dtype=torch.int32)
    arrived = _ARRIVED[b * h]
    block = triton.next_power_of_2(d)
    _split[(b * h, splits)](
        q, k_cache, v_cache, lengths, part, lse, o, arrived, h, h // kv, splits, chunk,
        d**-0.5 if scale is None else scale, q.stride(), k_cache.stride(), v_cache.stride(),
        lengths.stride(0), D=d, BLOCK=block, N=64, SPLITS=splits,
    )  # fmt: skip
    return o
