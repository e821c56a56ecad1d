"""The default dtype is set for the time of the call, and stays so when that raises (vLLM #51064,
transformers #28461, SGLang #34440, Lightning #18500).
"""

import torch


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    t = k.shape[2]
    if any(n + t > k_cache.shape[2] for n in lengths.tolist()):
        raise ValueError("full")
    ko, vo = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        ko[b, :, n : n + t] = k[b]
        vo[b, :, n : n + t] = v[b]
    torch.set_default_dtype(before)
    return ko, vo, lengths + t
