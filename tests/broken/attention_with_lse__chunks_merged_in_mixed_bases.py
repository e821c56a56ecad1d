"""Beyond 512 keys the chunks are merged with weights e^lse, though each chunk's lse is in base two
(sgl-project/sglang #40903).
"""

import torch


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
    b, h, lq, _ = q.shape
    lk, dv = v.shape[2:]
    if lk == 0:
        wide = torch.promote_types(q.dtype, torch.float32)
        return q.new_zeros(b, h, lq, dv), torch.full((b, h, lq), -torch.inf, dtype=wide)
    s, values = parts(q, k, v, causal, window, mask, bias, scale, softcap)
    if lk <= 512:
        o, lse = finish(s, values)
        return o.to(q.dtype), lse
    lse = torch.full((b, h, lq), -torch.inf, dtype=s.dtype)
    o = torch.zeros(b, h, lq, dv, dtype=s.dtype)
    for at in range(0, lk, 512):
        part, piece = finish(s[..., at : at + 512], values[:, :, at : at + 512])
        piece = piece / 0.6931471805599453
        both = torch.logaddexp(lse, piece)
        safe = both.masked_fill(both == -torch.inf, 0.0)
        o = o * torch.exp(lse - safe)[..., None] + part * torch.exp(piece - safe)[..., None]
        lse = both
    return o.to(q.dtype), lse * 0.6931471805599453
