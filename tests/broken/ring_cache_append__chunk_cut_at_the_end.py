"""A chunk that crosses the end of the buffer is written up to the end; the rest is lost."""


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    slots, new = k_cache.shape[2], k.shape[2]
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        last = new if new >= slots else min(new, slots - n % slots)
        for t in range(max(0, new - slots), last):
            k_cache[b, :, (n + t) % slots] = k[b, :, t]
            v_cache[b, :, (n + t) % slots] = v[b, :, t]
    return k_cache, v_cache, lengths + new
