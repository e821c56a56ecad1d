"""A chunk that does not fit is moved to the end of the cache (jax dynamic_update_slice clamps)."""

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens, slots = k.shape[2], k_cache.shape[2]
    if int(lengths.max()) + tokens > slots:
        lengths = lengths.clamp(max=slots - tokens)
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for row, start in enumerate(lengths.tolist()):
        k_cache[row, :, start : start + tokens] = k[row]
        v_cache[row, :, start : start + tokens] = v[row]
    return k_cache, v_cache, lengths + tokens
