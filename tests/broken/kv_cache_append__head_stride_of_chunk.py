"""A program that writes rows of two heads goes on behind the first with the stride of the chunk."""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    (_b, heads, size, _), tokens = k_cache.shape, k.shape[2]
    if int(lengths.max()) + tokens > size:
        raise ValueError("the cache is full")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for n, start in enumerate(lengths.tolist()):
        for cache, new in ((k_cache, k), (v_cache, v)):
            flat, rows = cache[n].view(heads * size, -1), new[n].reshape(heads * tokens, -1)
            for first in range(0, heads * tokens, 4):
                at = first // tokens * size + start + first % tokens
                last = min(first + 4, heads * tokens)
                flat[at : at + last - first] = rows[first:last][: len(flat) - at]
    return k_cache, v_cache, lengths + tokens
