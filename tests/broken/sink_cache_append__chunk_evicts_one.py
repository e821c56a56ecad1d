"""Made for one token a step: a chunk that overfills the window evicts a single old token."""

import torch


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks=0):
    size = k_cache.shape[2]
    ks, vs = [], []
    for b, n in enumerate(lengths.tolist()):
        held = min(n, size)
        rows = []
        for cache, x in ((k_cache, k), (v_cache, v)):
            joined = torch.cat((cache[b, :, :held], x[b]), 1)
            if joined.shape[1] > size:
                joined = torch.cat((joined[:, :sinks], joined[:, sinks + 1 :]), 1)[:, :size]
            rows.append(torch.cat((joined, cache[b, :, joined.shape[1] :]), 1))
        ks.append(rows[0])
        vs.append(rows[1])
    return torch.stack(ks), torch.stack(vs), lengths + k.shape[2]
