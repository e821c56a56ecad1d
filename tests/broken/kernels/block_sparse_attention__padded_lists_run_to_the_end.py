"""Lists of blocks are padded with zeros and run through to the fullest one's end: block 0 again."""

import torch
from _interpreted import tl, triton


@triton.jit
def _kernel(
    q, k, v, o, rows, lists, counts, heads, group, lq, most, scale, qs, ks, vs,
    D: tl.constexpr, DV: tl.constexpr, BD: tl.constexpr, BDV: tl.constexpr,
    SIZE: tl.constexpr, M: tl.constexpr,
):  # fmt: skip
    """The listed blocks of keys of one row of blocks."""
    line, head = tl.program_id(0), tl.program_id(1)
    row = tl.load(rows + line)
    b, h = head // heads, head % heads
    n, d, e = tl.arange(0, M), tl.arange(0, BD), tl.arange(0, BDV)
    i = row * SIZE + n
    where = q + b * qs[0] + h * qs[1] + i[:, None] * qs[2] + d[None, :] * qs[3]
    queries = tl.load(where, mask=(n < SIZE)[:, None] & (d < D)[None, :], other=0.0)
    acc = tl.zeros([M, BDV], tl.float32)
    total = tl.zeros([M], tl.float32)
    top = tl.full([M], -float("inf"), tl.float32)
    for place in range(tl.where(tl.load(counts + line) > 0, most, 0)):
        j = tl.load(lists + line * most + place) * SIZE + n
        where = k + b * ks[0] + h // group * ks[1] + j[:, None] * ks[2] + d[None, :] * ks[3]
        keys = tl.load(where, mask=(n < SIZE)[:, None] & (d < D)[None, :], other=0.0)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        s = tl.where((n < SIZE)[None, :], s, -float("inf"))
        new = tl.maximum(top, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        shrink = tl.exp(top - new)
        total = total * shrink + tl.sum(p, 1)
        where = v + b * vs[0] + h // group * vs[1] + j[:, None] * vs[2] + e[None, :] * vs[3]
        values = tl.load(where, mask=(n < SIZE)[:, None] & (e < DV)[None, :], other=0.0)
        acc = tl.dot(p.to(values.dtype), values, acc * shrink[:, None], input_precision="ieee")
        top = new
    out = acc / tl.where(total > 0, total, 1.0)[:, None]
    keep = (n < SIZE)[:, None] & (e < DV)[None, :]
    tl.store(o + (head * lq + i)[:, None] * DV + e[None, :], out, mask=keep)


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    (b, h, lq, d), (_, kv, _, dv) = q.shape, v.shape
    if block_mask.shape[0] * block_size != lq or block_mask.shape[1] * block_size != k.shape[2]:
        raise ValueError("the blocks do not fit")
    rows = torch.arange(block_mask.shape[0])
    counts = block_mask.sum(1).to(torch.int32)
    most = max(1, int(counts.max()) if counts.numel() else 1)
    lists = torch.zeros(len(rows), most, dtype=torch.int32)
    for line, row in enumerate(rows.tolist()):
        found = block_mask[row].nonzero()[:, 0]
        lists[line, : len(found)] = found.to(torch.int32)
    o = torch.empty(b, h, lq, dv, dtype=q.dtype)
    wide = [max(16, triton.next_power_of_2(n)) for n in (d, dv, block_size)]
    if len(rows) and b * h:
        _kernel[(len(rows), b * h)](
            q, k, v, o, rows, lists, counts, h, h // kv, lq, most, d**-0.5,
            q.stride(), k.stride(), v.stride(),
            D=d, DV=dv, BD=wide[0], BDV=wide[1], SIZE=block_size, M=wide[2],
        )  # fmt: skip
    return o
