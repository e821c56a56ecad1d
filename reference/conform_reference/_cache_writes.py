"""Writing new keys and values into caches: growing, ring, sinks with a window."""

import torch
from torch import Tensor

from conform_reference import _check

Cached = tuple[Tensor, Tensor, Tensor]


def check_caches(k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor) -> None:
    """k_cache, v_cache[B,K,S,D], k, v[B,K,T,D] and lengths[B] must fit together."""
    for name, x in (("k_cache", k_cache), ("v_cache", v_cache), ("k", k), ("v", v)):
        _check.rank(name, x, "B K L D")
    for name, cache, new in (("k", k_cache, k), ("v", v_cache, v)):
        if cache.shape[:2] != new.shape[:2] or cache.shape[3] != new.shape[3]:
            raise ValueError(
                f"{name}_cache.shape={tuple(cache.shape)}, {name}.shape={tuple(new.shape)}: "
                f"expected the same batch, heads and head size"
            )
    _check.same("number of slots", "k_cache", k_cache.shape[2], "v_cache", v_cache.shape[2])
    _check.same("number of tokens", "k.shape[2]", k.shape[2], "v.shape[2]", v.shape[2])
    _check.rank("lengths", lengths, "B")
    _check.same("batch size", "lengths.shape[0]", lengths.shape[0], "k.shape[0]", k.shape[0])
    negative = [n for n in lengths.tolist() if n < 0]
    if negative:
        raise ValueError(f"lengths={negative[0]}: expected lengths of at least 0; count tokens")


def check_room(lengths: Tensor, new: Tensor, slots: int) -> None:
    """Every sequence's new tokens, int[B], must fit behind its length; ValueError on overflow."""
    for length, count in zip(lengths.tolist(), new.tolist(), strict=True):
        if length + count > slots:
            raise ValueError(
                f"lengths={length}, new tokens={count}, slots={slots}: the cache overflows; "
                f"allocate more slots or drop old tokens"
            )


def written(cache: Tensor, new: Tensor, source: Tensor) -> Tensor:
    """[B,K,S,D]: slot s takes entry source[b, s] of the cache followed by the new tokens."""
    index = source[:, None, :, None].expand(-1, cache.shape[1], -1, cache.shape[3])
    return torch.cat([cache, new.to(cache.dtype)], 2).gather(2, index)


def grown(lengths: Tensor, counts: Tensor, slots: int) -> Tensor:
    """int64[B,S]: where each slot is read from when counts[b] tokens follow lengths[b] others."""
    slot = torch.arange(slots, device=lengths.device)
    token = slot - lengths.unsqueeze(1)
    is_new = (token >= 0) & (token < counts.unsqueeze(1))
    return torch.where(is_new, slots + token, slot)


def kv_cache_append(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor
) -> Cached:
    """Token t of sequence b goes into slot lengths[b] + t -> (k_cache, v_cache, lengths + T).

    k_cache, v_cache[B,K,S,D], k, v[B,K,T,D], lengths int[B]; the other slots are as before.
    Raises ValueError for shapes that do not fit, and when lengths[b] + T > S.
    Source: Shazeer 2019, arXiv:1911.02150, incremental decoding.
    """
    check_caches(k_cache, v_cache, k, v, lengths)
    slots = k_cache.shape[2]
    counts = torch.full_like(lengths, k.shape[2])
    check_room(lengths, counts, slots)
    source = grown(lengths, counts, slots)
    return written(k_cache, k, source), written(v_cache, v, source), lengths + k.shape[2]


def ring_cache_append(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor
) -> Cached:
    """Token i of a sequence lives in slot i mod S, over the one S tokens older.

    k_cache, v_cache[B,K,S,D], k, v[B,K,T,D]; lengths int[B] counts all tokens seen and may exceed
    S -> (k_cache, v_cache, lengths + T). Of more than S new tokens the last S stay.
    Raises ValueError for shapes that do not fit. Source: Mistral 7B, arXiv:2310.06825, section 2.
    """
    check_caches(k_cache, v_cache, k, v, lengths)
    slots, tokens = k_cache.shape[2], k.shape[2]
    _check.at_least("S", slots, 1)
    slot = torch.arange(slots, device=lengths.device)
    last = lengths.unsqueeze(1) + tokens - 1
    token = tokens - 1 - (last - slot) % slots
    source = torch.where(token >= 0, slots + token, slot)
    return written(k_cache, k, source), written(v_cache, v, source), lengths + tokens


def sink_cache_append(
    k_cache: Tensor, v_cache: Tensor, k: Tensor, v: Tensor, lengths: Tensor, *, sinks: int
) -> Cached:
    """Slots hold the first `sinks` tokens and the latest S - sinks, in their order.

    k_cache, v_cache[B,K,S,D], k, v[B,K,T,D]; lengths int[B] counts all tokens seen and may exceed
    S -> (k_cache, v_cache, lengths + T). Once the slots are full, the oldest token behind the
    sinks leaves and the later ones move down. Raises ValueError for shapes that do not fit, or
    sinks outside [0, S - 1]. Source: StreamingLLM, arXiv:2309.17453, section 3.2.
    """
    check_caches(k_cache, v_cache, k, v, lengths)
    slots, tokens = k_cache.shape[2], k.shape[2]
    _check.at_least("sinks", sinks, 0)
    _check.at_least("S", slots, sinks + 1)
    slot = torch.arange(slots, device=lengths.device)
    before = lengths.unsqueeze(1)
    after = before + tokens
    # The token that a slot holds afterwards, and the slot in which an old one was before.
    token = torch.where(slot < sinks, slot, slot + (after - slots).clamp(min=0))
    old = torch.where(slot < sinks, slot, token - (before - slots).clamp(min=0))
    source = torch.where((token >= before) & (token < after), slots + token - before, old)
    source = torch.where(token < after, source, slot)
    return written(k_cache, k, source), written(v_cache, v, source), lengths + tokens
