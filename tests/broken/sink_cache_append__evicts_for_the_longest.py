"""How many tokens leave is worked out once, for the longest sequence of the batch."""

import torch


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    s, t = k_cache.shape[2], k.shape[2]
    if not 0 <= sinks < s:
        raise ValueError(f"sinks={sinks}, expected 0 to {s - 1}")
    filled = [min(n, s) for n in lengths.tolist()]
    leave = max(0, max(filled, default=0) + t - s)
    outs = []
    for cache, new in ((k_cache, k), (v_cache, v)):
        out = cache.clone()
        for b, have in enumerate(filled):
            mine = max(0, have + t - s)
            if mine and mine < leave:
                mine = leave
            line = torch.cat([cache[b, :, :have], new[b]], dim=1)
            first, rest = line[:, :sinks], line[:, sinks:]
            rest = rest[:, mine:] if mine else rest
            line = torch.cat([first, rest], dim=1)
            out[b, :, : line.shape[1]] = line
        outs.append(out)
    return outs[0], outs[1], lengths + t
