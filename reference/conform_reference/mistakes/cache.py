"""Wrong relatives of the cache operators."""

from typing import Any

import torch
from torch import Tensor

from conform_reference import cache as right
from conform_reference.attention import attention as attend
from conform_reference.attention import decode_attention as right_decode
from conform_reference.position import rope

Caches = tuple[Tensor, Tensor, Tensor]


def kv_bytes_unchecked(
    *,
    batch: int,
    layers: int,
    kv_heads: int,
    head_dim: int,
    length: int,
    bytes_per_element: int = 2,
) -> int:
    """The product of any numbers."""
    return int(2 * batch * layers * kv_heads * head_dim * length * bytes_per_element)


def latent_elements_unchecked(*, layers: int, latent_dim: int, rope_dim: int) -> int:
    """The formula for any numbers."""
    return int(layers * (latent_dim + rope_dim))


def append_clears(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor
) -> Caches:
    """Slots behind the new tokens are zeroed."""
    keys, values, after = right.kv_cache_append(k_cache, v_cache, k, v, lengths)
    used = (torch.arange(k_cache.shape[2]) < after.unsqueeze(1))[:, None, :, None]
    return torch.where(used, keys, 0.0), torch.where(used, values, 0.0), after


def append_wraps(k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor) -> Caches:
    """A full cache starts over at its front."""
    return right.ring_cache_append(k_cache, v_cache, k, v, lengths)


def append_drops(k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor) -> Caches:
    """Tokens beyond the last slot vanish."""
    slots, tokens = k_cache.shape[2], k.shape[2]
    larger = (
        torch.cat([c, c.new_zeros(*c.shape[:2], slots + tokens, c.shape[3])], 2)
        for c in (k_cache, v_cache)
    )
    keys, values, after = right.kv_cache_append(*larger, k, v, lengths.clamp(max=2 * slots))
    return keys[:, :, :slots], values[:, :, :slots], after


def append_through_bfloat16(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor
) -> Caches:
    """New entries pass through bfloat16."""
    k, v = (x.to(torch.bfloat16).to(x.dtype) for x in (k, v))
    return right.kv_cache_append(k_cache, v_cache, k, v, lengths)


def ring_stuck(k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor) -> Caches:
    """Once the ring is full, every token goes into the last slot."""
    for t in range(k.shape[2]):
        slot = (lengths + t).clamp(max=k_cache.shape[2] - 1)
        new = (k[:, :, t : t + 1], v[:, :, t : t + 1])
        k_cache, v_cache, _ = right.kv_cache_append(k_cache, v_cache, *new, slot)
    return k_cache, v_cache, lengths + k.shape[2]


def ring_keeps_first(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor
) -> Caches:
    """Of a chunk longer than the ring only the first tokens are written."""
    slots = k_cache.shape[2]
    new = (k[:, :, :slots], v[:, :, :slots])
    keys, values, _ = right.ring_cache_append(k_cache, v_cache, *new, lengths)
    return keys, values, lengths + k.shape[2]


def sinks_then_ring(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor, *, sinks: int
) -> Caches:
    """Behind the sinks token i lies in slot sinks + (i - sinks) mod w."""
    window = k_cache.shape[2] - sinks
    for t in range(k.shape[2]):
        token = lengths + t
        slot = torch.where(token < sinks, token, sinks + (token - sinks) % window)
        new = (k[:, :, t : t + 1], v[:, :, t : t + 1])
        k_cache, v_cache, _ = right.kv_cache_append(k_cache, v_cache, *new, slot)
    return k_cache, v_cache, lengths + k.shape[2]


def sinks_capped(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor, *, sinks: int
) -> Caches:
    """More sinks than fit are lowered without a word."""
    sinks = min(sinks, k_cache.shape[2] - 1)
    return right.sink_cache_append(k_cache, v_cache, k, v, lengths, sinks=sinks)


def paged_values_in_order(
    q: Tensor, k_pages: Tensor, v_pages: Tensor, block_table: Tensor, lengths: Tensor,
    *, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """Keys go by the table, values are read in the order in which their pages lie."""
    batch, entries = block_table.shape
    flat = block_table.flatten()
    shape = (batch, entries * k_pages.shape[1], *k_pages.shape[2:])
    keys = k_pages.index_select(0, flat).reshape(shape).transpose(1, 2)
    order = torch.arange(entries).repeat(batch)
    values = v_pages.index_select(0, order).reshape(shape).transpose(1, 2)
    return right_decode(q, keys, values, lengths, scale=scale)


def paged_right_aligned(
    q: Tensor, k_pages: Tensor, v_pages: Tensor, block_table: Tensor, lengths: Tensor,
    *, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The table is read from its end."""
    table = block_table.flip(1).clamp(min=0)
    return right.paged_decode_attention(q, k_pages, v_pages, table, lengths, scale=scale)


def paged_zero_padding(
    q: Tensor, k_pages: Tensor, v_pages: Tensor, block_table: Tensor, lengths: Tensor,
    *, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The last page is read whole, with zeros behind the length."""
    (batch, entries), size = block_table.shape, k_pages.shape[1]
    flat = block_table.clamp(min=0).flatten()
    shape = (batch, entries * size, *k_pages.shape[2:])
    caches = (x.index_select(0, flat).reshape(shape).transpose(1, 2) for x in (k_pages, v_pages))
    filled = (torch.arange(entries * size) < lengths.unsqueeze(1))[:, None, :, None]
    keys, values = (torch.where(filled, x, 0.0) for x in caches)
    return right_decode(q, keys, values, -(-lengths // size) * size, scale=scale)


Step = tuple[Tensor, Tensor, Tensor, Tensor]


def cached_positions_from_zero(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    *, base: float | None = None, **options: Any,
) -> Step:  # fmt: skip
    """The new tokens of each call are rotated at positions 0, 1, ..."""
    if base is not None:
        place = torch.arange(q.shape[2])
        q, k = rope(q, place, base=base), rope(k, place, base=base)
    return right.cached_attention(q, k, v, k_cache, v_cache, lengths, **options)


def cached_unrotated(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    *, base: float | None = None, **options: Any,
) -> Step:  # fmt: skip
    """This call's keys are rotated for its own use, and cached as they came."""
    o, _, values, after = right.cached_attention(
        q, k, v, k_cache, v_cache, lengths, base=base, **options
    )
    _, keys, _, _ = right.cached_attention(q, k, v, k_cache, v_cache, lengths, **options)
    return o, keys, values, after


def cached_slot_positions(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    *, base: float | None = None, **options: Any,
) -> Step:  # fmt: skip
    """A token's position is its slot, left padding included."""
    if base is not None:
        place = lengths.unsqueeze(1) + torch.arange(q.shape[2])
        q, k = rope(q, place, base=base), rope(k, place, base=base)
    return right.cached_attention(q, k, v, k_cache, v_cache, lengths, **options)


def _with_mask(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    visible: Tensor, options: dict[str, Any],
) -> Step:  # fmt: skip
    """The right caches, under a mask bool[B,T,S] of one's own."""
    base, scale = options.get("base"), options.get("scale")
    _, keys, values, after = right.cached_attention(q, k, v, k_cache, v_cache, lengths, **options)
    starts = options.get("starts")
    first = torch.zeros_like(lengths) if starts is None else starts
    if base is not None:
        own = lengths.unsqueeze(1) + torch.arange(q.shape[2])
        q = rope(q, (own - first.unsqueeze(1)).clamp(min=0), base=base)
    visible = visible & (torch.arange(k_cache.shape[2]) >= first[:, None, None])
    return attend(q, keys, values, mask=visible.unsqueeze(1), scale=scale), keys, values, after


def cached_top_left(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    **options: Any,
) -> Step:  # fmt: skip
    """Token t sees slots 0 to t, whatever was cached before."""
    visible = torch.arange(k_cache.shape[2]) <= torch.arange(q.shape[2]).unsqueeze(1)
    visible = visible.expand(q.shape[0], -1, -1)
    return _with_mask(q, k, v, k_cache, v_cache, lengths, visible, options)


def cached_chunk_unmasked(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    **options: Any,
) -> Step:  # fmt: skip
    """Every new token sees all new tokens."""
    last = (lengths + q.shape[2])[:, None, None]
    visible = (torch.arange(k_cache.shape[2]) < last).expand(-1, q.shape[2], -1)
    return _with_mask(q, k, v, k_cache, v_cache, lengths, visible, options)


def cached_own_key_hidden(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    **options: Any,
) -> Step:  # fmt: skip
    """A token sees the slots before its own."""
    own = lengths.unsqueeze(1) + torch.arange(q.shape[2])
    visible = torch.arange(k_cache.shape[2]) < own.unsqueeze(2)
    return _with_mask(q, k, v, k_cache, v_cache, lengths, visible, options)


def cached_whole_cache(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    **options: Any,
) -> Step:  # fmt: skip
    """All slots are visible to all tokens."""
    visible = torch.ones(q.shape[0], q.shape[2], k_cache.shape[2], dtype=torch.bool)
    return _with_mask(q, k, v, k_cache, v_cache, lengths, visible, options)


def cached_tiled(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    **options: Any,
) -> Step:  # fmt: skip
    """Query head h reads cache head h mod K."""
    B, H, T, D = q.shape
    groups = k.shape[1]
    moved = q.reshape(B, H // groups, groups, T, D).transpose(1, 2).reshape(q.shape)
    o, *rest = right.cached_attention(moved, k, v, k_cache, v_cache, lengths, **options)
    o = o.reshape(B, groups, H // groups, T, D).transpose(1, 2).reshape(q.shape)
    new_k, new_v, new_lengths = rest
    return o, new_k, new_v, new_lengths


def cached_truncates(
    q: Tensor, k: Tensor, v: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    **options: Any,
) -> Step:  # fmt: skip
    """A full cache pushes the new tokens back over the newest old ones."""
    room = (k_cache.shape[2] - k.shape[2]) * torch.ones_like(lengths)
    lengths = torch.minimum(lengths, room)
    return right.cached_attention(q, k, v, k_cache, v_cache, lengths, **options)


def _sink_with(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor, place: Tensor,
    base: float, scale: float | None,
) -> Tensor:  # fmt: skip
    keys = rope(k_cache, torch.arange(k_cache.shape[2]), base=base)
    query = rope(q, place.unsqueeze(1), base=base)
    return right_decode(query, keys, v_cache, lengths, scale=scale)


def sink_query_at_zero(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    *, base: float = 10000.0, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The query is not rotated."""
    return _sink_with(q, k_cache, v_cache, lengths, torch.zeros_like(lengths), base, scale)


def sink_query_at_length(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    *, base: float = 10000.0, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The query stands one place too far."""
    return _sink_with(q, k_cache, v_cache, lengths, lengths, base, scale)


def sink_query_at_end(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    *, base: float = 10000.0, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """The query stands at the last slot of the cache, filled or not."""
    place = torch.full_like(lengths, k_cache.shape[2] - 1)
    return _sink_with(q, k_cache, v_cache, lengths, place, base, scale)


def sink_first_slot_lost(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, lengths: Tensor,
    *, base: float = 10000.0, scale: float | None = None,
) -> Tensor:  # fmt: skip
    """Slot 0 is out of the window as soon as there is another."""
    keys = rope(k_cache, torch.arange(k_cache.shape[2]), base=base)
    query = rope(q, (lengths - 1).clamp(min=0).unsqueeze(1), base=base)
    slot = torch.arange(k_cache.shape[2])
    seen = (slot < lengths.unsqueeze(1)) & ((slot > 0) | (lengths.unsqueeze(1) == 1))
    return attend(query, keys, v_cache, mask=seen[:, None, None, :], scale=scale)
