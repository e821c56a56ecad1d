"""For heads of 128 features the second half of the keys is read from the first."""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_b, h, _, d), (_, kv, _size, _) = q.shape, k_cache.shape
    rows = []
    for n, length in enumerate(lengths.tolist()):
        wide_head = d == 128
        keys, values = (
            x[n, :, :length].to(wide).repeat_interleave(h // kv, 0) for x in (k_cache, v_cache)
        )
        s = q[n].to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
        if wide_head:
            again = torch.cat([keys[..., :64], keys[..., :64]], -1)
            s = q[n].to(wide) @ again.mT * (d**-0.5 if scale is None else scale)
        rows.append(torch.softmax(s, -1) @ values)
    return torch.stack(rows).to(q.dtype)
