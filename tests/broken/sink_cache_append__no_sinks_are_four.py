"""A cache without sinks gets the usual four."""

import torch


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    slots, tokens = k_cache.shape[2], k.shape[2]
    if not 0 <= sinks < slots:
        raise ValueError(f"sinks={sinks}: expected 0 to {slots - 1}")
    sinks = sinks or min(4, slots - 1)
    out = []
    for cache, new in ((k_cache, k), (v_cache, v)):
        rows = []
        for b, seen in enumerate(lengths.tolist()):
            held = torch.cat([cache[b, :, : min(seen, slots)], new[b]], 1)
            if held.shape[1] > slots:
                held = torch.cat([held[:, :sinks], held[:, held.shape[1] - slots + sinks :]], 1)
            rows.append(torch.cat([held, cache[b, :, held.shape[1] :]], 1))
        out.append(torch.stack(rows))
    return out[0], out[1], lengths + tokens
