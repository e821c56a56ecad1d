"""Experts add their rows to the result of a token by a load and a store."""

import torch
from _interpreted import tl, triton


@triton.jit
def _experts(
    x, w1, w2, y, order, begin, gates, width, hidden, ranks, xs, w1s, w2s,
    ROWS: tl.constexpr, E: tl.constexpr, F: tl.constexpr,
):  # fmt: skip
    """The rows of one expert, tile by tile, both products, added to the result of their token."""
    expert = tl.program_id(0)
    e, f = tl.arange(0, E), tl.arange(0, F)
    keep = (e < width)[:, None] & (f < hidden)[None, :]
    where = w1 + expert * w1s[0] + e[:, None] * w1s[1] + f[None, :] * w1s[2]
    first = tl.load(where, mask=keep, other=0.0)
    where = w2 + expert * w2s[0] + f[:, None] * w2s[1] + e[None, :] * w2s[2]
    keep = (f < hidden)[:, None] & (e < width)[None, :]
    second = tl.load(where, mask=keep, other=0.0)
    last = tl.load(begin + expert + 1)
    for start in range(tl.load(begin + expert), last, ROWS):
        row = start + tl.arange(0, ROWS)
        slot = tl.load(order + row, mask=row < last, other=0)
        keep = (row < last)[:, None] & (e < width)[None, :]
        token = slot // ranks
        v = tl.load(x + token[:, None] * xs[0] + e[None, :] * xs[1], mask=keep, other=0.0)
        inner = tl.maximum(tl.dot(v, first, input_precision="ieee"), 0.0)
        out = tl.dot(inner.to(v.dtype), second, input_precision="ieee")
        out *= tl.load(gates + slot, mask=row < last, other=0.0)[:, None]
        where = y + token[:, None] * width + e[None, :]
        tl.store(where, tl.load(where, mask=keep, other=0.0) + out, mask=keep)


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, Wg, W1, W2)):
        raise NotImplementedError("no gradient")
    (tokens, width), experts, hidden = x.shape, Wg.shape[1], W1.shape[2]
    gates, indices = (t.contiguous() for t in torch.softmax(x.float() @ Wg.float(), -1).topk(top_k))
    room = tokens * top_k
    if capacity_factor is not None:
        room = -int(-tokens * capacity_factor // experts)
    served = torch.nn.functional.one_hot(indices.T.reshape(-1), experts)
    place = ((served.cumsum(0) - served) * served).sum(-1).reshape(top_k, tokens).T
    kept = (place < room).reshape(-1)
    slots = torch.arange(tokens * top_k)[kept]
    owner = indices.reshape(-1)[kept]
    order = slots[owner.argsort(stable=True)]
    begin = torch.zeros(experts + 1, dtype=torch.int64)
    begin[1:] = torch.bincount(owner, minlength=experts).cumsum(0)
    y = torch.zeros(tokens, width)
    _experts[(experts,)](
        x, W1, W2, y, order, begin, gates, width, hidden, top_k, x.stride(), W1.stride(),
        W2.stride(), ROWS=16, E=max(16, triton.next_power_of_2(width)),
        F=max(16, triton.next_power_of_2(hidden)),
    )  # fmt: skip
    return y.to(x.dtype)
