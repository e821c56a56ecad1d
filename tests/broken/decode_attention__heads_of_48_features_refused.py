"""Decoding is compiled for a list of head sizes, of which 48 is none; the rest is padded up
(NVIDIA/FasterTransformer #358).
"""

import torch


def attend(q, k, v, length, scale):
    """One query over the first slots of one sequence: q[H,D], k and v[K,S,D] -> [H,Dv]."""
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[0] // k.shape[0]
    k, v = (x[:, :length].to(wide).repeat_interleave(group, 0) for x in (k, v))
    p = torch.softmax(torch.einsum("hd,hsd->hs", q.to(wide), k) * scale, -1)
    return torch.einsum("hs,hsd->hd", p, v).to(q.dtype)


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    d = q.shape[-1]
    if d == 48:
        raise RuntimeError("assertion fail: size_per_head is not supported")
    scale = d**-0.5 if scale is None else scale
    out = torch.zeros(*q.shape[:3], v_cache.shape[-1], dtype=q.dtype)
    for n, length in enumerate(lengths.tolist()):
        if length:
            out[n, :, 0] = attend(q[n, :, 0], k_cache[n], v_cache[n], length, scale)
    return out
