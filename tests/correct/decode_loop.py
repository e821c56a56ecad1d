"""Decoding sequence by sequence: slice the cache to its length, then plain softmax."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    h, d = q.shape[1], q.shape[-1]
    rows = []
    for n, length in enumerate(lengths.tolist()):
        keys, values = (
            c[n, :, :length].to(wide).repeat_interleave(h // c.shape[1], dim=0)
            for c in (k_cache, v_cache)
        )
        s = q[n].to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
        rows.append(torch.softmax(s, dim=-1) @ values)  # an empty sum when the length is 0
    return torch.stack(rows).to(q.dtype)
