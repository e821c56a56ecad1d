"""Splits of 128 slots get, instead of their own length, the sum of lengths so far: later ones read
on into what is counted already (tile-ai/TileOPs #728).
"""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k_cache.shape[1]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out = []
    for b, length in enumerate(lengths.tolist()):
        picked = []
        for at in range(0, length, 128):
            reach = min(at + 128, length)
            picked.append(torch.arange(at, min(at + reach, length)))
        if not picked:
            out.append(q.new_zeros(*q.shape[1:3], v_cache.shape[3]).to(wide))
            continue
        where = torch.cat(picked)
        keys, values = (
            x[b][:, where].to(wide).repeat_interleave(group, 0) for x in (k_cache, v_cache)
        )
        p = torch.softmax(q[b].to(wide) @ keys.mT * scale, -1)
        out.append(p @ values)
    return torch.stack(out).to(q.dtype)
