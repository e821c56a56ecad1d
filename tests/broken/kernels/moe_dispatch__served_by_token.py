"""Assignments are numbered token by token, so that second choices take slots of later firsts."""

import torch
from _interpreted import tl, triton

MISTAKE = "moe_dispatch.token-by-token"


@triton.jit
def _count(indices, counts, tokens, ranks, experts, s0, s1, BLOCK: tl.constexpr, N: tl.constexpr):
    a, n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, N)
    where = indices + a // ranks * s0 + a % ranks * s1
    choice = tl.load(where, mask=a < tokens * ranks, other=-1)
    hit = (choice[:, None] == n[None, :]).to(tl.int32)
    tl.store(counts + tl.program_id(0) * experts + n, tl.sum(hit, 0), mask=n < experts)


@triton.jit
def _place(
    indices, counts, kept, tokens, ranks, experts, capacity, s0, s1,
    BLOCK: tl.constexpr, N: tl.constexpr,
):  # fmt: skip
    a, n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, N)
    token, rank = a // ranks, a % ranks
    choice = tl.load(indices + token * s0 + rank * s1, mask=token < tokens, other=-1)
    hit = (choice[:, None] == n[None, :]).to(tl.int32)
    before = tl.zeros([N], tl.int32)
    for block in range(tl.program_id(0)):
        before += tl.load(counts + block * experts + n, mask=n < experts, other=0)
    place = tl.sum((before[None, :] + tl.cumsum(hit, 0) - hit) * hit, 1)
    fits = (place < capacity).to(tl.uint8)
    tl.store(kept + token * ranks + rank, fits, mask=token < tokens)


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
