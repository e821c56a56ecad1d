"""Every block of tokens has the whole capacity: the counts of earlier blocks are not added."""

import torch
from _interpreted import tl, triton


@triton.jit
def _count(indices, counts, tokens, ranks, experts, s0, s1, BLOCK: tl.constexpr, N: tl.constexpr):
    a, n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, N)
    where = indices + a % tokens * s0 + a // tokens * s1
    choice = tl.load(where, mask=a < tokens * ranks, other=-1)
    hit = (choice[:, None] == n[None, :]).to(tl.int32)
    tl.store(counts + tl.program_id(0) * experts + n, tl.sum(hit, 0), mask=n < experts)


@triton.jit
def _place(
    indices, counts, kept, tokens, ranks, experts, capacity, s0, s1,
    BLOCK: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    a, n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, N)
    token, rank = a % tokens, a // tokens
    choice = tl.load(indices + token * s0 + rank * s1, mask=rank < ranks, other=-1)
    hit = (choice[:, None] == n[None, :]).to(tl.int32)
    before = tl.zeros([N], tl.int32)
    place = tl.sum((before[None, :] + tl.cumsum(hit, 0) - hit) * hit, 1)
    fits = (place < capacity).to(tl.uint8)
    tl.store(kept + token * ranks + rank, fits, mask=rank < ranks)


def moe_dispatch(indices, *, experts, capacity):
    if capacity < 1 or (indices.numel() and not 0 <= indices.min() <= indices.max() < experts):
        raise ValueError(f"experts={experts}, capacity={capacity}; expected room for all indices")
    tokens, ranks = indices.shape
    kept = torch.empty(tokens, ranks, dtype=torch.bool)
    blocks, wide = triton.cdiv(tokens * ranks, 16), triton.next_power_of_2(experts)
    if blocks:
        counts = torch.empty(blocks, experts, dtype=torch.int32)
        sizes = (tokens, ranks, experts)
        _count[(blocks,)](indices, counts, *sizes, *indices.stride(), BLOCK=16, N=wide)
        _place[(blocks,)](
            indices, counts, kept.view(torch.uint8), *sizes, capacity, *indices.stride(),
            BLOCK=16, N=wide,
        )  # fmt: skip
    return kept
