"""The loop over the batch ends at the first sequence whose slots are full after the write (break
for continue).
"""

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    new, size = k.shape[2], k_cache.shape[2]
    ends = [n + new for n in lengths.tolist()]
    if any(e > size for e in ends):
        raise ValueError("the cache is full")
    keys, values = k_cache.clone(), v_cache.clone()
    for i, end in enumerate(ends):
        keys[i, :, end - new : end] = k[i]
        values[i, :, end - new : end] = v[i]
        if end == size:
            break
    return keys, values, lengths + new
