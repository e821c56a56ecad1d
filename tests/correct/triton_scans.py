"""Triton kernels that sort, scan, count and take apart: routing, rotation, lookup, quantising."""

import torch
import triton
import triton.language as tl


@triton.jit
def _rotate(x, y, cos, sin, width, R: tl.constexpr, HALF: tl.constexpr, TURN: tl.constexpr,
            BLOCK: tl.constexpr, REST: tl.constexpr):  # fmt: skip
    """Pairs of neighbours of one row: taken apart, turned, joined again."""
    row = tl.program_id(0)
    at, pair = tl.arange(0, 2 * BLOCK), tl.arange(0, BLOCK)
    v = tl.load(x + row * width + at, mask=at < R, other=0.0).to(tl.float32)
    a, b = tl.split(tl.reshape(v, (BLOCK, 2)))
    c = tl.load(cos + row * HALF + pair, mask=pair < HALF, other=1.0)
    s = tl.load(sin + row * HALF + pair, mask=pair < HALF, other=0.0) * TURN
    out = tl.reshape(tl.join(a * c - b * s, b * c + a * s), (2 * BLOCK,))
    tl.store(y + row * width + at, out, mask=at < R)
    if REST > 0:
        at = R + tl.arange(0, REST)
        rest = tl.load(x + row * width + at, mask=at < width)
        tl.store(y + row * width + at, rest, mask=at < width)


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, cos, sin, size):
        ctx.save_for_backward(cos, sin)
        ctx.size = size
        return _turned(x, cos, sin, size, 1)

    @staticmethod
    def backward(ctx, dy):
        return _turned(dy, *ctx.saved_tensors, ctx.size, -1), None, None, None


def _turned(x, cos, sin, size, turn):
    packed, width = x.contiguous(), x.shape[-1]
    y = torch.empty_like(packed)
    rest = 0 if size == width else triton.next_power_of_2(width - size)
    if x.numel():
        _rotate[(x.numel() // width,)](
            packed, y, cos, sin, width, R=size, HALF=size // 2, TURN=turn,
            BLOCK=triton.next_power_of_2(size // 2), REST=rest,
        )  # fmt: skip
    return y


def rope(x, positions, *, base=10000.0, scaling=1.0, rotary_dim=None):
    size = rotary_dim or x.shape[-1]
    powers = torch.arange(0, size, 2, dtype=torch.float64) / size
    angles = (positions.double() / scaling)[..., None] * base**-powers
    if positions.dim() == 2:
        angles = angles.reshape(len(positions), *[1] * (x.dim() - 3), *angles.shape[1:])
    shape = *x.shape[:-1], size // 2
    cos, sin = (f.float().expand(shape).contiguous() for f in (angles.cos(), angles.sin()))
    return _Rope.apply(x, cos, sin, size)


@triton.jit
def _route(x, wg, indices, weights, width, experts, xs, ws, TOP: tl.constexpr, N: tl.constexpr,
           E: tl.constexpr):  # fmt: skip
    """The largest probabilities first, by sorting them together with their places."""
    row, n = tl.program_id(0), tl.arange(0, N)
    logits = tl.zeros([N], tl.float32)
    for start in range(0, width, E):
        e = start + tl.arange(0, E)
        v = tl.load(x + row * xs[0] + e * xs[1], mask=e < width, other=0.0).to(tl.float32)
        keep = (e < width)[:, None] & (n < experts)[None, :]
        w = tl.load(wg + e[:, None] * ws[0] + n[None, :] * ws[1], mask=keep, other=0.0)
        logits += tl.sum(v[:, None] * w.to(tl.float32), 0)
    logits = tl.where(n < experts, logits, -float("inf"))
    p = tl.exp(logits - tl.max(logits, 0))
    p = p / tl.sum(p, 0)
    # Probabilities are no less than zero, so that their bits are ordered as they are.
    bits = tl.where(n < experts, p.to(tl.int32, bitcast=True).to(tl.int64), -1)
    order = tl.sort((bits << 32) | (N - 1 - n), descending=True)
    place = N - 1 - (order & 0xFFFFFFFF).to(tl.int32)
    value = (order >> 32).to(tl.int32).to(tl.float32, bitcast=True)
    tl.store(indices + row * TOP + n, place, mask=n < TOP)
    tl.store(weights + row * TOP + n, value, mask=n < TOP)


def router(x, Wg, *, top_k=1):
    if torch.is_grad_enabled() and (x.requires_grad or Wg.requires_grad):
        raise NotImplementedError("no gradient")
    (tokens, width), experts = x.shape, Wg.shape[1]
    indices = torch.empty(tokens, top_k, dtype=torch.int64)
    weights = torch.empty(tokens, top_k)
    if tokens:
        _route[(tokens,)](
            x, Wg, indices, weights, width, experts, x.stride(), Wg.stride(), TOP=top_k,
            N=max(2, triton.next_power_of_2(experts)), E=32,
        )  # fmt: skip
    return indices, weights.to(x.dtype)


@triton.jit
def _dispatch(indices, kept, tokens, ranks, capacity, step, along, EXPERTS: tl.constexpr,
              BLOCK: tl.constexpr):  # fmt: skip
    """One program counts; the places within a block of tokens by a running sum."""
    n = tl.arange(0, EXPERTS)
    taken = tl.zeros([EXPERTS], tl.int32)
    for rank in range(ranks):
        for start in range(0, tokens, BLOCK):
            t = start + tl.arange(0, BLOCK)
            expert = tl.load(indices + t * step + rank * along, mask=t < tokens, other=-1)
            mine = (expert[:, None] == n[None, :]).to(tl.int32)
            place = tl.cumsum(mine, 0) - mine + taken[None, :]
            taken += tl.sum(mine, 0)
            place = tl.sum(place * mine, 1)
            tl.store(kept + t * ranks + rank, place < capacity, mask=t < tokens)


def moe_dispatch(indices, *, experts, capacity):
    if capacity < 1 or (
        indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < experts
    ):
        raise ValueError("no such expert, or no room")
    kept = torch.empty(indices.shape, dtype=torch.bool)
    if indices.numel():
        _dispatch[(1,)](
            indices, kept, *indices.shape, capacity, *indices.stride(),
            EXPERTS=triton.next_power_of_2(experts), BLOCK=32,
        )  # fmt: skip
    return kept


@triton.jit
def _lookup(tokens, table, y, count, width, ts, rs, cs, M: tl.constexpr, N: tl.constexpr):
    i = tl.program_id(0) * M + tl.arange(0, M)
    d = tl.program_id(1) * N + tl.arange(0, N)
    token = tl.load(tokens + i * ts, mask=i < count, other=0)
    keep = (i < count)[:, None] & (d < width)[None, :]
    v = tl.load(table + token[:, None] * rs + d[None, :] * cs, mask=keep)
    tl.store(y + i.to(tl.int64)[:, None] * width + d[None, :], v, mask=keep)


@triton.jit
def _gather(order, begin, words, dy, grad, width, N: tl.constexpr):
    """The rows of one word, which lie together in the sorted order, added up by one program."""
    word, d = tl.program_id(0), tl.program_id(1) * N + tl.arange(0, N)
    total = tl.zeros([N], tl.float32)
    for at in range(tl.load(begin + word), tl.load(begin + word + 1)):
        row = tl.load(order + at)
        total += tl.load(dy + row * width + d, mask=d < width, other=0.0).to(tl.float32)
    tl.store(grad + tl.load(words + word) * width + d, total, mask=d < width)


class _Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        flat, width = tokens.reshape(-1), table.shape[1]
        y = torch.empty(*tokens.shape, width, dtype=table.dtype)
        if y.numel():
            _lookup[(triton.cdiv(flat.numel(), 8), triton.cdiv(width, 64))](
                flat, table, y, flat.numel(), width, flat.stride(0), *table.stride(), M=8, N=64
            )
        ctx.save_for_backward(tokens)
        ctx.table = table.shape, table.dtype
        return y

    @staticmethod
    def backward(ctx, dy):
        (tokens,), (shape, dtype) = ctx.saved_tensors, ctx.table
        grad = torch.zeros(shape, dtype=dtype)
        if dy.numel():
            flat, order = tokens.reshape(-1).sort(stable=True)
            words, counts = flat.unique_consecutive(return_counts=True)
            begin = torch.zeros(len(words) + 1, dtype=torch.int64)
            begin[1:] = counts.cumsum(0)
            _gather[(len(words), triton.cdiv(shape[1], 64))](
                order, begin, words, dy.contiguous(), grad, shape[1], N=64
            )
        return None, grad


def embedding(tokens, table):
    return _Embedding.apply(tokens, table)


CONFORM = {"operators": {"rope": {"conventions": {"rope_pairing": "interleaved"}}}}
