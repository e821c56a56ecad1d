"""A cache that is no contiguous tensor is made one for slice_scatter, and the update stays in the
copy (pytorch/TensorRT #4550).
"""


def append(cache, new, lengths):
    out = cache.clone()
    target = out if cache.is_contiguous() else out.clone()
    for b, start in enumerate(lengths.tolist()):
        target[b, :, start : start + new.shape[2]] = new[b].to(cache.dtype)
    return out


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens = k.shape[2]
    if any(n + tokens > k_cache.shape[2] for n in lengths.tolist()):
        raise ValueError("the cache is full")
    return append(k_cache, k, lengths), append(v_cache, v, lengths), lengths + tokens
