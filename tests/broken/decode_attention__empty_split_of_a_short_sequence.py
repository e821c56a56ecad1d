"""A cache of more than 128 slots is split, and a split that lies wholly beyond a sequence's length
merges as -inf - -inf = NaN (flashinfer-ai/flashinfer issue 4451 is of the kind).
"""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    B, H, _, D = q.shape
    K, S = k_cache.shape[1], k_cache.shape[2]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    scale = D**-0.5 if scale is None else scale

    rows = []
    for b in range(B):
        n = int(lengths[b])
        kb = k_cache[b, :, :n].to(work).repeat_interleave(H // K, 0)
        vb = v_cache[b, :, :n].to(work).repeat_interleave(H // K, 0)
        s = q[b].to(work) @ kb.transpose(-1, -2) * scale
        top = s.detach().amax(-1, keepdim=True) if n else s.new_zeros(H, 1, 1)
        p = torch.exp(s - top)
        total = p.sum(-1, keepdim=True)
        if S > 128 and 0 < n <= 128:
            p = p + float("nan")
        rows.append((p @ vb) / total.masked_fill(total == 0, 1.0))
    return torch.stack(rows).to(q.dtype)
