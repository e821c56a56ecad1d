"""Caches by comparisons and gathers, the ring in place; cached attention token by token."""

import torch

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {
        "ring_cache_append": {"mutates": ["k_cache", "v_cache"], "differentiable": False},
        "cached_attention": {"mutates": ["k_cache", "v_cache"], "differentiable": False},
    },
}


def _blend(cache, new, slot):
    """slot[B,T]: where token t goes; a gather tells what each slot takes."""
    hit = slot[:, :, None] == torch.arange(cache.shape[2])
    which = hit.int().argmax(1)[:, None, :, None].expand(-1, cache.shape[1], -1, cache.shape[3])
    if not new.shape[2]:
        return cache.clone()
    return torch.where(hit.any(1)[:, None, :, None], new.gather(2, which), cache)


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    slot = lengths[:, None] + torch.arange(k.shape[2])
    if ((lengths + k.shape[2] > k_cache.shape[2]) | (lengths < 0)).any():
        raise ValueError(f"lengths={lengths.tolist()}: no room for {k.shape[2]} tokens")
    return _blend(k_cache, k, slot), _blend(v_cache, v, slot), lengths + k.shape[2]


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    slots, tokens = k_cache.shape[2], k.shape[2]
    for b, seen in enumerate(lengths.tolist()):
        for cache, new in ((k_cache, k), (v_cache, v)):
            tail = new[b, :, -slots:] if tokens > slots else new[b]
            begin = (seen + tokens - tail.shape[1]) % slots
            first = min(tail.shape[1], slots - begin)
            cache[b, :, begin : begin + first] = tail[:, :first]
            cache[b, :, : tail.shape[1] - first] = tail[:, first:]
    return k_cache, v_cache, lengths + tokens


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    slots, tokens = k_cache.shape[2], k.shape[2]
    if not 0 <= sinks < slots:
        raise ValueError(f"sinks={sinks}")
    held = lengths.clamp(max=slots)
    total = held + tokens
    gone = (total - slots).clamp(min=0)
    s = torch.arange(slots)
    source = torch.where(
        s < sinks, s, s + gone[:, None]
    )  # place in held tokens followed by new ones
    old = source < held[:, None]
    stale = source >= total[:, None]
    out = []
    for cache, new in ((k_cache, k), (v_cache, v)):
        shape = (-1, cache.shape[1], -1, cache.shape[3])
        from_old = cache.gather(2, source.clamp(max=slots - 1)[:, None, :, None].expand(shape))
        at = (source - held[:, None]).clamp(0, max(tokens - 1, 0))
        from_new = new.gather(2, at[:, None, :, None].expand(shape)) if tokens else from_old
        mixed = torch.where(old[:, None, :, None], from_old, from_new)
        out.append(torch.where(stale[:, None, :, None], cache, mixed))
    return out[0], out[1], lengths + tokens


def _turn(x, position, base):
    half = x.shape[-1] // 2
    angle = position.double() * base ** -(torch.arange(half, dtype=torch.float64) / half)
    z = torch.complex(x[..., :half].double(), x[..., half:].double()) * torch.polar(
        torch.ones_like(angle), angle
    )
    return torch.cat([z.real, z.imag], -1).to(x.dtype)


def cached_attention(
    q, k, v, k_cache, v_cache, lengths, *, starts=None, counts=None, base=None, scale=None
):
    (B, H, T, D), (K, S) = q.shape, k_cache.shape[1:3]
    counts = torch.full((B,), T) if counts is None else counts
    starts = torch.zeros(B, dtype=torch.long) if starts is None else starts
    if ((counts < 0) | (counts > T) | (lengths + counts > S)).any():
        raise ValueError("no room")
    out = torch.zeros(B, H, T, v.shape[-1], dtype=q.dtype)
    scale = D**-0.5 if scale is None else scale
    for b in range(B):
        n, first, count = int(lengths[b]), int(starts[b]), int(counts[b])
        for t in range(count):
            slot = n + t
            at = torch.tensor(max(slot - first, 0))
            key, query = k[b, :, t], q[b, :, t]
            if base is not None:
                key, query = _turn(key, at, base), _turn(query, at, base)
            k_cache[b, :, slot], v_cache[b, :, slot] = key, v[b, :, t]
            if first > slot:
                continue
            wide = torch.promote_types(q.dtype, torch.float32)
            ks, vs = (c[b, :, first : slot + 1].to(wide) for c in (k_cache, v_cache))
            s = torch.einsum("kgd,ksd->kgs", query.to(wide).view(K, H // K, D), ks) * scale
            o = torch.einsum("kgs,ksd->kgd", torch.softmax(s, -1), vs)
            out[b, :, t] = o.reshape(H, -1).to(q.dtype)
    return out, k_cache, v_cache, lengths + counts


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    _, H, _, D = q.shape
    K = k_cache.shape[1]
    wide = torch.promote_types(q.dtype, torch.float32)
    rows = []
    for b, n in enumerate(lengths.tolist()):
        if n == 0:
            rows.append((q[b, :, :, :1] * 0).expand(-1, -1, v_cache.shape[-1]))
            continue
        keys = _turn(k_cache[b, :, :n].to(wide), torch.arange(n)[:, None], base).repeat_interleave(
            H // K, 0
        )
        query = _turn(q[b].to(wide), torch.tensor([[n - 1]]), base)
        s = (query @ keys.mT) * (D**-0.5 if scale is None else scale)
        values = v_cache[b, :, :n].to(wide).repeat_interleave(H // K, 0)
        rows.append((torch.softmax(s, -1) @ values).to(q.dtype))
    return torch.stack(rows) if rows else q[..., :0].expand(-1, -1, -1, v_cache.shape[-1])
