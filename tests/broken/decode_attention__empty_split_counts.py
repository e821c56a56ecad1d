"""Split decoding: a split behind the end of a short sequence has a log-sum-exp of 0, not -inf."""

import math

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (
        x.to(wide).repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k_cache, v_cache)
    )
    s = q.to(wide) @ keys.mT * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    seen = torch.arange(keys.shape[2]) < lengths[:, None, None, None]
    longest = max(1, int(lengths.max()))
    step = -(-longest // 4)
    parts, sums = [], []
    for start in range(0, longest, step):
        here = seen[..., start : start + step]
        some = here.any(-1, keepdim=True)
        part = s[..., start : start + step].masked_fill(~here, -math.inf).masked_fill(~some, 0.0)
        sums.append(torch.logsumexp(part, -1, keepdim=True).masked_fill(~some, 0.0))
        parts.append(
            (torch.softmax(part, -1) @ values[:, :, start : start + step]).masked_fill(~some, 0.0)
        )
    w = torch.softmax(torch.stack(sums), 0)
    return (w * torch.stack(parts)).sum(0).to(q.dtype)
