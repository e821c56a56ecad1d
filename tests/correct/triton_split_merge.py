"""Triton kernels that split a sum among programs: the last to arrive merges, or atomics add up."""

import torch
import triton
import triton.language as tl


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
    end = tl.minimum(split * chunk + chunk, length)
    for start in range(split * chunk, end, N):
        j = start + tl.arange(0, N)
        keep = j < end
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
    row = head * splits
    safe = tl.where(total > 0, total, 1.0)
    tl.store(part + (row + split) * D + d, acc / safe, mask=d < D)
    tl.store(lse + row + split, tl.where(total > 0, top + tl.log(safe), -float("inf")))
    tl.debug_barrier()
    if tl.atomic_add(arrived + head, 1) == splits - 1:
        s = tl.arange(0, SPLITS)
        value = tl.load(lse + row + s, mask=s < splits, other=-float("inf"))
        most = tl.max(value, 0)
        weight = tl.exp(value - tl.where(most > -float("inf"), most, 0.0))
        both = (s < splits)[:, None] & (d < D)[None, :]
        parts = tl.load(part + (row + s)[:, None] * D + d[None, :], mask=both, other=0.0)
        weights = tl.sum(weight, 0)
        out = tl.sum(parts * weight[:, None], 0) / tl.where(weights > 0, weights, 1.0)
        tl.store(o + head * D + d, out, mask=d < D)


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    b, h, _, d = q.shape
    kv, capacity = k_cache.shape[1:3]
    chunk = max(64, triton.cdiv(capacity, 4))
    splits = max(1, triton.cdiv(capacity, chunk))
    part, lse = torch.empty(b, h, splits, d), torch.empty(b, h, splits)
    o, arrived = torch.empty(b, h, 1, d, dtype=q.dtype), torch.zeros(b * h, dtype=torch.int32)
    _split[(b * h, splits)](
        q, k_cache, v_cache, lengths, part, lse, o, arrived, h, h // kv, splits, chunk,
        d**-0.5 if scale is None else scale, q.stride(), k_cache.stride(), v_cache.stride(),
        lengths.stride(0), D=d, BLOCK=triton.next_power_of_2(d), N=64,
        SPLITS=triton.next_power_of_2(splits),
    )  # fmt: skip
    return o


@triton.jit
def _experts(
    x, w1, w2, y, order, begin, gates, width, hidden, ranks, xs, w1s, w2s,
    ROWS: tl.constexpr, E: tl.constexpr, F: tl.constexpr,
):  # fmt: skip
    """The rows of one expert and one part of its hidden units, added to the result of a token."""
    expert = tl.program_id(0)
    e, f = tl.arange(0, E), tl.program_id(1) * F + tl.arange(0, F)
    keep = (e < width)[:, None] & (f < hidden)[None, :]
    where = w1 + expert * w1s[0] + e[:, None] * w1s[1] + f[None, :] * w1s[2]
    first = tl.load(where, mask=keep, other=0.0).to(tl.float32)
    keep = (f < hidden)[:, None] & (e < width)[None, :]
    where = w2 + expert * w2s[0] + f[:, None] * w2s[1] + e[None, :] * w2s[2]
    second = tl.load(where, mask=keep, other=0.0).to(tl.float32)
    last = tl.load(begin + expert + 1)
    for start in range(tl.load(begin + expert), last, ROWS):
        row = start + tl.arange(0, ROWS)
        slot = tl.load(order + row, mask=row < last, other=0)
        token = slot // ranks
        keep = (row < last)[:, None] & (e < width)[None, :]
        v = tl.load(x + token[:, None] * xs[0] + e[None, :] * xs[1], mask=keep, other=0.0)
        inner = tl.maximum(tl.dot(v.to(tl.float32), first, input_precision="ieee"), 0.0)
        out = tl.dot(inner, second, input_precision="ieee")
        out *= tl.load(gates + slot, mask=row < last, other=0.0)[:, None]
        tl.atomic_add(y + token[:, None] * width + e[None, :], out, mask=keep)


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, Wg, W1, W2)):
        raise NotImplementedError("no gradient")
    (tokens, width), experts, hidden = x.shape, Wg.shape[1], W1.shape[2]
    gates, indices = torch.softmax(x.float() @ Wg.float(), -1).topk(top_k)
    room = tokens * top_k
    if capacity_factor is not None:
        room = -int(-tokens * capacity_factor // experts)
    served = torch.nn.functional.one_hot(indices.T.reshape(-1), experts)
    place = ((served.cumsum(0) - served) * served).sum(-1).reshape(top_k, tokens).T
    kept = (place < room).reshape(-1)
    owner = indices.reshape(-1)[kept]
    order = torch.arange(tokens * top_k)[kept][owner.argsort(stable=True)]
    begin = torch.zeros(experts + 1, dtype=torch.int64)
    begin[1:] = torch.bincount(owner, minlength=experts).cumsum(0)
    y = torch.zeros(tokens, width)
    _experts[(experts, triton.cdiv(hidden, 32))](
        x, W1, W2, y, order, begin, gates.contiguous(), width, hidden, top_k,
        x.stride(), W1.stride(), W2.stride(),
        ROWS=16, E=max(16, triton.next_power_of_2(width)), F=32,
    )  # fmt: skip
    return y.to(x.dtype)
