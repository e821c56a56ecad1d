"""The number of splits of 64 slots is rounded down once there is more than one."""

import math

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    size = k_cache.shape[2]
    if size > 64:
        k_cache, v_cache = (x[:, :, : size // 64 * 64] for x in (k_cache, v_cache))
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (
        x.to(wide).repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k_cache, v_cache)
    )
    s = q.to(wide) @ keys.mT * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    seen = torch.arange(keys.shape[2]) < lengths[:, None, None, None]
    p = torch.softmax(s.masked_fill(~seen, -math.inf), -1).masked_fill(
        ~seen.any(-1, keepdim=True), 0.0
    )
    return (p @ values).to(q.dtype)
