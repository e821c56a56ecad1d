"""Attention over caches: with appending, through a block table, with positions in the cache."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._attention_forms import attention, decode_attention
from conform_reference._cache_writes import check_caches, check_room, grown, written
from conform_reference.position import rope
from conform_reference.rounding import mark


def _per_sequence(name: str, given: Tensor | None, lengths: Tensor, default: int) -> Tensor:
    if given is None:
        return torch.full_like(lengths, default)
    if given.shape != lengths.shape:
        raise ValueError(
            f"{name}.shape={tuple(given.shape)}: expected {tuple(lengths.shape)}, one a sequence"
        )
    return given


def cached_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    lengths: Tensor,
    *,
    starts: Tensor | None = None,
    counts: Tensor | None = None,
    base: float | None = None,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Append T new tokens, then let each see the cache up to itself.

    q[B,H,T,D], k, v[B,K,T,D], k_cache, v_cache[B,K,S,D], lengths int[B]
    -> (o[B,H,T,D], k_cache, v_cache, lengths). Token t goes into slot lengths[b] + t and sees the
    slots from starts[b] (None: 0, left padding lies before) up to its own; only the first
    counts[b] tokens exist (None: T), the rest is right padding and is not written. With `base`
    queries and keys are rotated (half-split pairs) at position slot - starts[b], at least 0, and
    keys are cached rotated. Queries that are padding give zeros. Raises ValueError for shapes that
    do not fit, counts outside [0, T], and overflow. Source: the deck's equivalence of cached and
    full attention; grouped heads arXiv:2305.13245; rotation arXiv:2104.09864.
    """
    check_caches(k_cache, v_cache, k, v, lengths)
    tokens, slots = k.shape[2], k_cache.shape[2]
    _check.same("number of tokens", "q.shape[2]", q.shape[2], "k.shape[2]", tokens)
    starts = _per_sequence("starts", starts, lengths, 0)
    counts = _per_sequence("counts", counts, lengths, tokens)
    if any(not 0 <= n <= tokens for n in counts.tolist()):
        raise ValueError(f"counts={counts.tolist()}: expected counts from 0 to T={tokens}")
    check_room(lengths, counts, slots)
    own = lengths.unsqueeze(1) + torch.arange(tokens, device=lengths.device)
    dtype = q.dtype
    if base is not None:
        wide = _check.compute_dtype(q, k, v)
        place = (own - starts.unsqueeze(1)).clamp(min=0)
        q = mark("rotated_query", rope(q.to(wide), place, base=base))
        k = mark("rotated_key", rope(k.to(wide), place, base=base))
    source = grown(lengths, counts, slots)
    wider = torch.promote_types(k.dtype, k_cache.dtype)
    keys, values = written(k_cache.to(wider), k, source), written(v_cache, v, source)
    slot = torch.arange(slots, device=lengths.device)
    visible = (slot >= starts[:, None, None]) & (slot <= own.unsqueeze(2))
    real = torch.arange(tokens, device=lengths.device) < counts.unsqueeze(1)
    mask = (visible & real.unsqueeze(2)).unsqueeze(1)
    o = attention(q, keys, values, mask=mask, scale=scale)
    return o.to(dtype), keys.to(k_cache.dtype), values, lengths + counts


def paged_decode_attention(
    q: Tensor,
    k_pages: Tensor,
    v_pages: Tensor,
    block_table: Tensor,
    lengths: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """One new query over a cache in pages: q[B,H,1,D], pages [P,b,K,D] -> [B,H,1,D].

    Token j of sequence n lies in row j % b of page block_table[n, j // b], block_table int[B,M],
    lengths int[B] in [0, M b]. Pages may be shared; table entries beyond the length have no
    effect, whatever they are. Length 0 gives zeros. Raises ValueError for shapes that do not fit,
    a length outside [0, M b], or a needed page outside [0, P).
    Source: PagedAttention, arXiv:2309.06180, section 4.1.
    """
    _check.rank("k_pages", k_pages, "P b K D")
    _check.rank("v_pages", v_pages, "P b K D")
    _check.rank("block_table", block_table, "B M")
    _check.rank("lengths", lengths, "B")
    pages, size, heads, width = k_pages.shape
    _check.not_empty("b", size)
    _check.same("batch size", "block_table", block_table.shape[0], "lengths", lengths.shape[0])
    for row, length in zip(block_table.tolist(), lengths.tolist(), strict=True):
        needed = row[: -(-length // size)]
        if any(not 0 <= page < pages for page in needed):
            raise ValueError(f"block_table={needed}: expected pages from 0 to {pages - 1}")
    flat = block_table.clamp(0, pages - 1).flatten()
    shape = (lengths.shape[0], block_table.shape[1] * size, heads, width)
    k_cache = k_pages.index_select(0, flat).reshape(shape).transpose(1, 2)
    v_cache = v_pages.index_select(0, flat).reshape(shape).transpose(1, 2)
    return decode_attention(q, k_cache, v_cache, lengths, scale=scale)


def sink_decode_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    lengths: Tensor,
    *,
    base: float = 10000.0,
    scale: float | None = None,
) -> Tensor:
    """One new query over unrotated keys, with positions counted in the cache -> [B,H,1,D].

    q[B,H,1,D], k_cache, v_cache[B,K,S,D]; lengths int[B] in [0, S] is the number of filled slots,
    the newest token's included. The key of slot j is rotated (half-split pairs) at position j, the
    query at lengths[b] - 1, wherever the tokens stood in the text. Length 0 gives zeros.
    Raises ValueError as `decode_attention` does. Source: StreamingLLM, arXiv:2309.17453, 3.2.
    """
    _check.rank("k_cache", k_cache, "B K S D")
    _check.rank("lengths", lengths, "B")
    dtype = _check.compute_dtype(q, k_cache, v_cache)
    slots = torch.arange(k_cache.shape[2], device=k_cache.device)
    keys = mark("rotated_key", rope(k_cache.to(dtype), slots, base=base))
    place = (lengths - 1).clamp(min=0).unsqueeze(1)
    query = mark("rotated_query", rope(q.to(dtype), place, base=base))
    return decode_attention(query, keys, v_cache, lengths, scale=scale).to(q.dtype)
