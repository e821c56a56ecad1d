"""Caches by index tables: every slot of the result is looked up in old cache and new tokens."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def pick(cache, new, source):
    """source [B,S]: slot < S of the cache, or S + t for new token t."""
    both = torch.cat([cache, new], 2)
    index = source[:, None, :, None].expand(-1, cache.shape[1], -1, cache.shape[3])
    return both.gather(2, index)


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    B, _, S, _ = k_cache.shape
    T = k.shape[2]
    if bool((lengths + T > S).any()):
        raise ValueError(f"{T} tokens do not fit behind lengths={lengths.tolist()} of {S} slots")
    slot = torch.arange(S).expand(B, S)
    behind = slot - lengths[:, None]
    source = torch.where((behind >= 0) & (behind < T), S + behind, slot)
    return pick(k_cache, k, source), pick(v_cache, v, source), lengths + T


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    B, _, S, _ = k_cache.shape
    T = k.shape[2]
    slot = torch.arange(S).expand(B, S)
    last = lengths[:, None] + T - 1
    token = last - (last - slot) % S  # the latest token that lives in the slot
    fresh = token - lengths[:, None]
    source = torch.where(fresh >= 0, S + fresh.clamp(min=0), slot)
    return pick(k_cache, k, source), pick(v_cache, v, source), lengths + T


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    B, _, S, _ = k_cache.shape
    T = k.shape[2]
    if not 0 <= sinks < S:
        raise ValueError("sinks")
    rows = []
    for n in lengths.tolist():
        held = list(range(min(n, S)))  # slots in the order of their tokens
        for t in range(T):
            if len(held) == S:
                del held[sinks]
            held.append(S + t)
        rows.append(held + list(range(len(held), S)))
    source = torch.tensor(rows, dtype=torch.long).view(B, S)
    return pick(k_cache, k, source), pick(v_cache, v, source), lengths + T


def kv_cache_bytes(*, batch, layers, kv_heads, head_dim, length, bytes_per_element=2):
    sizes = (batch, layers, kv_heads, head_dim, length, bytes_per_element)
    if any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError("sizes are positive integers")
    total = 2
    for n in sizes:
        total *= n
    return total


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    B, H, one, D = q.shape
    if one != 1:
        raise ValueError("one query")
    K, S = k_cache.shape[1:3]
    wide = torch.promote_types(q.dtype, torch.float32)
    w = base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)

    def turn(x, place):
        angle = place.to(torch.float64)[..., None] * w
        c, s = angle.cos().to(wide), angle.sin().to(wide)
        a, b = x.to(wide).chunk(2, -1)
        return torch.cat([a * c - b * s, a * s + b * c], -1)

    ok = torch.arange(S) < lengths[:, None]
    clean = ok[:, None, :, None]
    keys = turn(torch.where(clean, k_cache, 0.0), torch.arange(S))
    values = torch.where(clean, v_cache.to(wide), 0.0)
    query = turn(q, (lengths - 1).clamp(min=0).view(B, 1, 1))
    keys, values = (t.repeat_interleave(H // K, 1) for t in (keys, values))
    scale = D**-0.5 if scale is None else scale
    s = (query @ keys.mT * scale).masked_fill(~ok[:, None, None], float("-inf"))
    return (torch.nan_to_num(s.softmax(-1)) @ values).to(q.dtype)


def cached_attention(q, k, v, k_cache, v_cache, lengths, *, scale=None):
    k_cache, v_cache, after = kv_cache_append(k_cache, v_cache, k, v, lengths)
    _, H, T, D = q.shape
    K, S = k_cache.shape[1:3]
    wide = torch.promote_types(q.dtype, torch.float32)
    last = lengths[:, None] + torch.arange(T)
    ok = torch.arange(S) <= last[..., None]  # [B,T,S]
    some = ok.any(1)[:, None, :, None]
    keys = torch.where(some, k_cache, 0.0).to(wide).repeat_interleave(H // K, 1)
    values = torch.where(some, v_cache, 0.0).to(wide).repeat_interleave(H // K, 1)
    scale = D**-0.5 if scale is None else scale
    s = (q.to(wide) @ keys.mT * scale).masked_fill(~ok[:, None], float("-inf"))
    return (s.softmax(-1) @ values).to(q.dtype), k_cache, v_cache, after
