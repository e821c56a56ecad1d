"""Tokens are appended behind the longest sequence for all rows (jundot/omlx #2201)."""

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens, slots = k.shape[2], k_cache.shape[2]
    if int(lengths.max()) + tokens > slots:
        raise ValueError(f"{tokens} more do not fit in {slots} slots")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for row, start in enumerate([int(lengths.max())] * len(lengths)):
        k_cache[row, :, start : start + tokens] = k[row]
        v_cache[row, :, start : start + tokens] = v[row]
    return k_cache, v_cache, lengths + tokens
