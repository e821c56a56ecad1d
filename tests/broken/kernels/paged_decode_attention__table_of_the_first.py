"""The table has no offset for the sequence: all read the first one's pages."""

import torch
from _interpreted import tl, triton

MISTAKE = "paged_decode_attention.first-table"


@triton.jit
def _paged(
    q, k, v, table, lengths, o, heads, group, rows, scale, qs, ks, vs, ts, ls,
    D: tl.constexpr, BLOCK: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """One query head a program, N keys at a time."""
    head = tl.program_id(0)
    b, h = head // heads, head % heads
    d = tl.arange(0, BLOCK)
    length = tl.load(lengths + b * ls)
    query = tl.load(q + b * qs[0] + h * qs[1] + d * qs[3], mask=d < D, other=0.0).to(tl.float32)
    acc, total = tl.zeros([BLOCK], tl.float32), 0.0
    top = -float("inf")
    for start in range(0, length, N):
        j = start + tl.arange(0, N)
        keep = j < length
        page = tl.load(table + 0 * b + j // rows * ts[1], mask=keep, other=0)
        both = keep[:, None] & (d < D)[None, :]
        where = k + page * ks[0] + j % rows * ks[1] + h // group * ks[2]
        keys = tl.load(where[:, None] + d[None, :] * ks[3], mask=both, other=0.0).to(tl.float32)
        s = tl.where(keep, tl.sum(keys * query[None, :], 1) * scale, -float("inf"))
        new = tl.maximum(top, tl.max(s, 0))
        p = tl.exp(s - new)
        shrink = tl.exp(top - new)
        where = v + page * vs[0] + j % rows * vs[1] + h // group * vs[2]
        values = tl.load(where[:, None] + d[None, :] * vs[3], mask=both, other=0.0).to(tl.float32)
        acc = acc * shrink + tl.sum(p[:, None] * values, 0)
        total = total * shrink + tl.sum(p, 0)
        top = new
    tl.store(o + head * D + d, acc / tl.where(total > 0, total, 1.0), mask=d < D)


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    batch, heads, _, size = q.shape
    o = torch.empty(batch, heads, 1, size, dtype=q.dtype)
    _paged[(batch * heads,)](
        q, k_pages, v_pages, block_table, lengths, o, heads, heads // k_pages.shape[2],
        k_pages.shape[1], size**-0.5 if scale is None else scale, q.stride(), k_pages.stride(),
        v_pages.stride(), block_table.stride(), lengths.stride(0),
        D=size, BLOCK=triton.next_power_of_2(size), N=16,
    )  # fmt: skip
    return o
