"""Scores are summed by steps of 32 features; a last step of 16 is left out
(openvinotoolkit/openvino #24627).
"""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (kv, slots) = q.shape, k_cache.shape[1:3]
    used = d // 32 * 32 if d > 32 and d % 32 == 16 else d
    filled = torch.arange(slots) < lengths[:, None]
    k, v = (torch.where(filled[:, None, :, None], c.to(wide), 0.0) for c in (k_cache, v_cache))
    query = q.to(wide).reshape(b, kv, h // kv, d)
    s = query[..., :used] @ k[..., :used].mT * (d**-0.5 if scale is None else scale)
    hidden = ~filled[:, None, None]
    p = torch.softmax(s.masked_fill(hidden, -3e38), -1).masked_fill(hidden, 0.0)
    return (p @ v).reshape(b, h, 1, v.shape[-1]).to(q.dtype)
