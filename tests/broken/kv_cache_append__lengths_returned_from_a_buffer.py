"""The new lengths live in one buffer per batch size that the next call writes again."""

import torch

_LENGTHS = {}


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    b, s, t = k_cache.shape[0], k_cache.shape[2], k.shape[2]
    if int(lengths.max()) + t > s:
        raise ValueError(f"no room: capacity={s}, needed={int(lengths.max()) + t}")
    slots = lengths.long()[:, None] + torch.arange(t)
    index = slots[:, None, :, None]
    k_new = k_cache.scatter(2, index.expand(*k.shape), k.to(k_cache.dtype))
    v_new = v_cache.scatter(2, index.expand(*v.shape), v.to(v_cache.dtype))
    room = _LENGTHS.setdefault((b, lengths.dtype), torch.empty(b, dtype=lengths.dtype))
    torch.add(lengths, t, out=room)
    return k_new, v_new, room
