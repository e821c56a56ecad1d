"""A chunk that just fills the cache already evicts the oldest token behind the sinks, and leaves
the last slot empty: 'at least' where 'more than' was meant (after huggingface/transformers
#37574).
"""

import torch


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    size = k_cache.shape[2]
    stacked = []
    for cache, new in ((k_cache, k), (v_cache, v)):
        rows = []
        for b, n in enumerate(lengths.tolist()):
            held = min(n, size)
            row = torch.cat([cache[b, :, :held], new[b]], 1)
            spare = row.shape[1] - size
            if spare == 0 and held < size and new.shape[2] > 0 and sinks + 1 < size:
                spare = 1
            if spare > 0:
                row = torch.cat([row[:, :sinks], row[:, sinks + spare :]], 1)
            rows.append(torch.cat([row, cache[b, :, row.shape[1] :]], 1))
        stacked.append(torch.stack(rows) if rows else cache.clone())
    return *stacked, lengths + k.shape[2]
