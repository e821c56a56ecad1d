"""Strict comparison: the token that just fills the ring already evicts the oldest one."""


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    size, new = k_cache.shape[2], k.shape[2]
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        for t in range(max(0, new - size), new):
            slot = (n + t) % size
            if n + t == size - 1:
                slot = 0
            k_cache[b, :, slot], v_cache[b, :, slot] = k[b, :, t], v[b, :, t]
    return k_cache, v_cache, lengths + new
