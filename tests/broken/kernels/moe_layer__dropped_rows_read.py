"""What was dropped is not computed, but combined all the same: the row of another token."""

import torch
from _interpreted import tl, triton


@triton.jit
def _grouped(
    a, order, w, out, begin, experts, inner, columns, ranks, as0, as1, ws0, ws1, ws2,
    ROWS: tl.constexpr, COLS: tl.constexpr, N: tl.constexpr, FIRST: tl.constexpr,
):  # fmt: skip
    """out[row] = a[source of row] w[expert of row]; FIRST: gathered, and with a ReLU."""
    tile, n = tl.program_id(0), tl.arange(0, N)
    first = tl.load(begin + n, mask=n < experts, other=0)
    last = tl.load(begin + n + 1, mask=n < experts, other=0)
    tiles = (last - first + ROWS - 1) // ROWS
    expert = tl.sum((tl.cumsum(tiles, 0) <= tile).to(tl.int32), 0)
    if expert >= experts:
        return
    before = tl.sum(tl.where(n < expert, tiles, 0), 0)
    row = tl.load(begin + expert) + (tile - before) * ROWS + tl.arange(0, ROWS)
    alive = row < tl.load(begin + expert + 1)
    col = tl.program_id(1) * COLS + tl.arange(0, COLS)
    source = row
    if FIRST:
        source = tl.load(order + row, mask=alive, other=0) // ranks
    acc = tl.zeros([ROWS, COLS], tl.float32)
    for start in range(0, inner, 16):
        k = start + tl.arange(0, 16)
        where = a + source[:, None] * as0 + k[None, :] * as1
        x = tl.load(where, mask=alive[:, None] & (k < inner)[None, :], other=0.0)
        where = w + expert * ws0 + k[:, None] * ws1 + col[None, :] * ws2
        y = tl.load(where, mask=(k < inner)[:, None] & (col < columns)[None, :], other=0.0)
        acc = tl.dot(x, y, acc, input_precision="ieee")
    if FIRST:
        acc = tl.where(acc < 0, 0.0, acc)
    keep = alive[:, None] & (col < columns)[None, :]
    tl.store(out + row[:, None] * columns + col[None, :], acc, mask=keep)


@triton.jit
def _combine(out, slots, gates, y, ranks, columns, BLOCK: tl.constexpr):
    """y[token] = sum over its ranks of gate times row; a slot of -1 was dropped."""
    token, col = tl.program_id(0), tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for rank in range(ranks):
        slot = tl.load(slots + token * ranks + rank)
        gate = tl.load(gates + token * ranks + rank)
        keep = (slot + 0 * col >= 0) & (col < columns)
        total += gate * tl.load(out + slot * columns + col, mask=keep, other=0.0).to(tl.float32)
    tl.store(y + token * columns + col, total, mask=col < columns)


def _product(a, order, w, begin, rows, ranks, first):
    experts, inner, columns = w.shape
    out = torch.zeros(rows, columns, dtype=a.dtype)
    _grouped[(rows // 16 + experts, triton.cdiv(columns, 16))](
        a, order, w, out, begin, experts, inner, columns, ranks, *a.stride(), *w.stride(),
        ROWS=16, COLS=16, N=triton.next_power_of_2(experts), FIRST=first,
    )  # fmt: skip
    return out


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    if any(t.requires_grad for t in (x, Wg, W1, W2)) and torch.is_grad_enabled():
        raise NotImplementedError("no gradient")
    (tokens, width), experts = x.shape, Wg.shape[1]
    probs = torch.softmax(x.float() @ Wg.float(), -1)
    gates, indices = (t.contiguous() for t in probs.topk(top_k))
    room = tokens * top_k
    if capacity_factor is not None:
        room = -int(-tokens * capacity_factor // experts)
    served = torch.nn.functional.one_hot(indices.T.reshape(-1), experts)
    place = ((served.cumsum(0) - served) * served).sum(-1).reshape(top_k, tokens).T
    kept = place < room
    begin = torch.zeros(experts + 1, dtype=torch.int32)
    begin[1:] = served.sum(0).clamp(max=room).cumsum(0)
    slots = begin[indices] + place.clamp(max=room - 1)
    order = torch.zeros(tokens * top_k, dtype=torch.int64)
    order[slots[kept]] = torch.arange(tokens * top_k).reshape(tokens, top_k)[kept]
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    if tokens:
        hidden = _product(x, order, W1, begin, tokens * top_k, top_k, True)
        out = _product(hidden, order, W2, begin, tokens * top_k, top_k, False)
        _combine[(tokens,)](
            out, slots.contiguous(), gates, y, top_k, width, BLOCK=triton.next_power_of_2(width)
        )
    return y
