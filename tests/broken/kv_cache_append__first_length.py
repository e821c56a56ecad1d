"""Writes the whole batch behind the longest sequence, as a single cache position would."""

MISTAKE = "kv_cache_append.longest-length"


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    start, tokens = int(lengths.max()), k.shape[2]
    if start + tokens > k_cache.shape[2]:
        raise ValueError(f"{start + tokens} tokens in {k_cache.shape[2]} slots: the cache is full")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    k_cache[:, :, start : start + tokens] = k
    v_cache[:, :, start : start + tokens] = v
    return k_cache, v_cache, lengths * 0 + start + tokens
