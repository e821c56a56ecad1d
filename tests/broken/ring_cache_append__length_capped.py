"""The counter stops at the size of the ring, so that later tokens always land in slot 0."""


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    size, new = k_cache.shape[2], k.shape[2]
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        for t in range(new):
            k_cache[b, :, (n + t) % size], v_cache[b, :, (n + t) % size] = k[b, :, t], v[b, :, t]
    return k_cache, v_cache, (lengths + new).clamp(max=size)
