"""A plain sliding window: the first tokens leave like any others."""

import torch

MISTAKE = "sink_cache_append.sinks-dropped"


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    slots, tokens = k_cache.shape[2], k.shape[2]
    if not 0 <= sinks < slots:
        raise ValueError(f"sinks={sinks}: expected 0 to {slots - 1}")
    out = []
    for cache, new in ((k_cache, k), (v_cache, v)):
        rows = []
        for b, seen in enumerate(lengths.tolist()):
            held = torch.cat([cache[b, :, : min(seen, slots)], new[b]], 1)[:, -slots:]
            rows.append(torch.cat([held, cache[b, :, held.shape[1] :]], 1))
        out.append(torch.stack(rows))
    return out[0], out[1], lengths + tokens
