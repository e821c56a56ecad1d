"""The last block of a head to finish merges its splits, by a counter; of the counters only as many
bytes as there are heads are cleared, and three quarters of them are used up after one call
(NVIDIA/TensorRT-LLM #15761).
"""

import torch


def attend(q, k, v, length, scale):
    """One query over the first slots of one sequence: q[H,D], k and v[K,S,D] -> [H,Dv]."""
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[0] // k.shape[0]
    k, v = (x[:, :length].to(wide).repeat_interleave(group, 0) for x in (k, v))
    p = torch.softmax(torch.einsum("hd,hsd->hs", q.to(wide), k) * scale, -1)
    return torch.einsum("hs,hsd->hd", p, v).to(q.dtype)


COUNTERS = {}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    b, h, _, d = q.shape
    scale = d**-0.5 if scale is None else scale
    counters = COUNTERS.setdefault(b * h, torch.zeros(b * h, dtype=torch.int32))
    counters[: -(-b * h // 4)] = 0
    out = torch.zeros(*q.shape[:3], v_cache.shape[-1], dtype=q.dtype)
    for n, length in enumerate(lengths.tolist()):
        if not length:
            continue
        o = attend(q[n, :, 0], k_cache[n], v_cache[n], length, scale)
        if length > 64:
            first = attend(q[n, :, 0], k_cache[n], v_cache[n], 64, scale)
            used = counters[n * h : (n + 1) * h] > 0
            o = torch.where(used[:, None], first, o)
            counters[n * h : (n + 1) * h] += 1
        out[n, :, 0] = o
    return out
