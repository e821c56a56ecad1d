"""Up to eight sequences are split into chunks of 64 slots, but a tile of keys has 128: each chunk
reads half of the next one too (flashinfer-ai/flashinfer #1206).
"""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group, d = q.shape[1] // k_cache.shape[1], q.shape[-1]
    chunk = 64 if q.shape[0] <= 8 else 128
    out = torch.zeros(*q.shape[:3], v_cache.shape[-1], dtype=q.dtype)
    for n, length in enumerate(lengths.tolist()):
        total, value, top = 0.0, 0.0, torch.full((q.shape[1], 1), -torch.inf, dtype=wide)
        for start in range(0, length, chunk):
            part = slice(start, min(start + 128, length))
            k, v = (c[n, :, part].to(wide).repeat_interleave(group, 0) for c in (k_cache, v_cache))
            s = torch.einsum("hd,hsd->hs", q[n, :, 0].to(wide), k)
            s = s * (d**-0.5 if scale is None else scale)
            high = torch.maximum(top, s.amax(-1, keepdim=True))
            e, keep = torch.exp(s - high), torch.exp(top - high)
            total = total * keep + e.sum(-1, keepdim=True)
            value, top = value * keep + torch.einsum("hs,hsd->hd", e, v), high
        if length:
            out[n, :, 0] = (value / total).to(q.dtype)
    return out
