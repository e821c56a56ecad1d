"""Blocks of 32 new tokens are written two at a time at running addresses; the second, when it
belongs to the next head, lands behind the first (tenstorrent/tt-metal #54742).
"""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    size, new = k_cache.shape[2], k.shape[2]
    if bool((lengths + new > size).any()):
        raise ValueError("the cache is full")
    out = []
    for cache, fresh in ((k_cache, k), (v_cache, v)):
        cache = cache.clone()
        for b, old in enumerate(lengths.tolist()):
            if new % 64 == 32 and cache.shape[1] > 1:
                blocks = [(h, t) for h in range(cache.shape[1]) for t in range(0, new, 32)]
                for i, (h, t) in enumerate(blocks):
                    first, start = blocks[i // 2 * 2]
                    if h == first:
                        cache[b, h, old + t : old + t + 32] = fresh[b, h, t : t + 32]
                    else:
                        at = old + start + 32
                        room = max(min(32, size - at), 0)
                        cache[b, first, at : at + room] = fresh[b, h, t : t + room]
            else:
                cache[b, :, old : old + new] = fresh[b]
        out.append(cache)
    return out[0], out[1], lengths + new
