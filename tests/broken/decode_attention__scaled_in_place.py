"""The query is scaled in place after .contiguous(), which copies only what is not contiguous
yet.
"""

import math

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    with torch.no_grad():
        scaled = q.contiguous().mul_(1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (
        x.to(wide).repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k_cache, v_cache)
    )
    s = scaled.to(wide) @ keys.mT
    seen = torch.arange(keys.shape[2]) < lengths[:, None, None, None]
    p = torch.softmax(s.masked_fill(~seen, -math.inf), -1).masked_fill(
        ~seen.any(-1, keepdim=True), 0.0
    )
    return (p @ values).to(q.dtype)
