"""Caches copied to float32, appended and read there, and rounded back to what came in."""

import torch


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens = k.shape[2]
    if len(lengths) and int(lengths.max()) + tokens > k_cache.shape[2]:
        raise ValueError(f"{tokens} tokens do not fit behind {lengths.tolist()}")
    at = (lengths[:, None] + torch.arange(tokens))[:, None, :, None]

    def appended(cache, new):
        kept = cache.to(torch.float32, copy=True)
        where = at.expand(-1, cache.shape[1], -1, cache.shape[3])
        return kept.scatter(2, where, new.float()).to(cache.dtype)

    return appended(k_cache, k), appended(v_cache, v), lengths + tokens


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    rows = []
    for b, n in enumerate(lengths.tolist()):
        k, v = k_cache[b, :, :n].float(), v_cache[b, :, :n].float()
        heads = q[b].float().reshape(k.shape[0], -1, q.shape[-1])
        p = (heads @ k.mT * scale).softmax(-1) if n else heads.new_zeros(*heads.shape[:2], 0)
        rows.append((p @ v).reshape(q.shape[1], 1, v.shape[-1]))
    out = torch.stack(rows) if rows else q.new_zeros(*q.shape[:3], v_cache.shape[-1])
    return out.to(q.dtype)
