"""exp(scores - logsumexp), sinks by logaddexp; partial results merged in the same manner."""

import torch


def attention(
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
    sinks=None,
):
    _, h, lq, d = q.shape
    lk = k.shape[2]
    kf = torch.repeat_interleave(k, h // k.shape[1], dim=1).float()
    vf = torch.repeat_interleave(v, h // v.shape[1], dim=1).float()
    s = torch.einsum("bhid,bhjd->bhij", q.float(), kf) * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias
    rel = torch.arange(lk) - torch.arange(lq)[:, None] - (lk - lq)
    hidden = torch.zeros(lq, lk, dtype=torch.bool)
    if causal:
        hidden |= rel > 0
    if window is not None:
        hidden |= rel <= -window
        if not causal:
            hidden |= rel >= window
    if mask is not None:
        hidden = hidden | ~mask
    s = torch.where(hidden, torch.full_like(s, -torch.inf), s)
    lse = torch.logsumexp(s, -1, keepdim=True)
    if sinks is not None:
        lse = torch.logaddexp(lse, sinks.float().view(1, -1, 1, 1))
    dead = torch.isneginf(lse)
    p = torch.exp(s - lse.masked_fill(dead, 0.0))
    return torch.einsum("bhij,bhjd->bhid", p, vf).to(q.dtype)


def attention_merge(o1, lse1, o2, lse2):
    m = torch.maximum(lse1, lse2)
    safe = torch.where(m == -torch.inf, 0.0, m)
    a, b = torch.exp(lse1 - safe), torch.exp(lse2 - safe)
    tot = a + b
    out = (a[..., None] * o1 + b[..., None] * o2) / torch.where(tot > 0, tot, 1.0)[..., None]
    return out.to(o1.dtype), torch.where(tot > 0, safe + torch.log(tot), -torch.inf)
