"""Pages are looked up for whole tiles of 32 tokens, those behind the length and the table too."""

import torch
from _interpreted import tl, triton


@triton.jit
def _kernel(
    q, k, v, table, lengths, o, heads, group, page, scale, qs, ks, vs, ts, step,
    D: tl.constexpr, BLOCK: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    """One head a program, 32 tokens at a time."""
    head = tl.program_id(0)
    b, h = head // heads, head % heads
    d, n = tl.arange(0, BLOCK), tl.arange(0, N)
    length = tl.load(lengths + b * step).to(tl.int32)
    query = tl.load(q + b * qs[0] + h * qs[1] + d * qs[3], mask=d < D, other=0.0).to(tl.float32)
    acc = tl.zeros([BLOCK], tl.float32)
    total = 0.0 * head
    top = -float("inf") + 0.0 * head
    for start in range(0, length, N):
        j = start + n
        place = tl.load(table + b * ts[0] + j // page * ts[1]).to(tl.int64)[:, None]
        keep = j < length
        both = keep[:, None] & (d < D)[None, :]
        where = (
            k
            + place * ks[0]
            + (j % page)[:, None] * ks[1]
            + h // group * ks[2]
            + d[None, :] * ks[3]
        )
        keys = tl.load(where, mask=both, other=0.0).to(tl.float32)
        s = tl.where(keep, tl.sum(keys * query[None, :], 1) * scale, -float("inf"))
        new = tl.maximum(top, tl.max(s, 0))
        p = tl.exp(s - new)
        shrink = tl.exp(top - new)
        where = (
            v
            + place * vs[0]
            + (j % page)[:, None] * vs[1]
            + h // group * vs[2]
            + d[None, :] * vs[3]
        )
        values = tl.load(where, mask=both, other=0.0).to(tl.float32)
        acc = acc * shrink + tl.sum(p[:, None] * values, 0)
        total = total * shrink + tl.sum(p, 0)
        top = new
    tl.store(o + head * D + d, acc / tl.where(total > 0, total, 1.0), mask=d < D)


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    b, h, _, d = q.shape
    _, page, kv, _ = k_pages.shape
    o = torch.empty(b, h, 1, d, dtype=q.dtype)
    _kernel[(b * h,)](
        q, k_pages, v_pages, block_table, lengths, o, h, h // kv, page,
        d**-0.5 if scale is None else scale, q.stride(), k_pages.stride(), v_pages.stride(),
        block_table.stride(), lengths.stride(0), D=d, BLOCK=triton.next_power_of_2(d),
        N=32,
    )  # fmt: skip
    return o
