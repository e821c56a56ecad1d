"""Views are copied only where padding is needed; at whole tiles of 64 rows they are read as if
adjacent (torch-spyre/torch-spyre #4331).
"""

import torch


def rows(x):
    """Copied where a tile has to be padded, read as if heads lay apart where not."""
    b, h, n, d = x.shape
    if n % 64 == 0 and x.stride(3) == 1 and x.stride(2) == h * d and x.stride(1) == d:
        return x.transpose(1, 2).reshape(b, h, n, d)
    return x


def parts(q, k, v, causal, window, mask, bias, scale, softcap):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (kv, lk) = q.shape, k.shape[1:3]
    keys, values = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k, v))
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    if mask is not None:
        see = see & mask
    return s.masked_fill(~see, -torch.inf), values


def finish(s, values):
    lse = torch.logsumexp(s, -1)
    p = torch.exp(s - lse.masked_fill(lse == -torch.inf, 0.0)[..., None])
    return p @ values, lse


def attention_with_lse(
    q,
    k,
    v,
    *,
    causal=False,
    window=None,
    mask=None,
    bias=None,
    scale=None,
    softcap=None,
):
    q, k, v = rows(q), rows(k), rows(v)
    b, h, lq, _ = q.shape
    lk, dv = v.shape[2:]
    if lk == 0:
        wide = torch.promote_types(q.dtype, torch.float32)
        return q.new_zeros(b, h, lq, dv), torch.full((b, h, lq), -torch.inf, dtype=wide)
    s, values = parts(q, k, v, causal, window, mask, bias, scale, softcap)
    o, lse = finish(s, values)
    return o.to(q.dtype), lse
