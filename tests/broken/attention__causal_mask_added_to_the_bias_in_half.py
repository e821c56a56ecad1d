"""With causal and a bias, scores and bias are added in the inputs' dtype (one combined additive
mask of that dtype).
"""

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
    B, H, Lq, D = q.shape
    K, Lk, _Dv = k.shape[1], k.shape[2], v.shape[3]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    scale = D**-0.5 if scale is None else scale
    keys = k.to(work).repeat_interleave(H // K, 1)
    values = v.to(work).repeat_interleave(H // K, 1)
    s = (q.to(work) @ keys.transpose(-1, -2)) * scale
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = (s.to(q.dtype) + bias).to(work) if causal else s + bias.to(work)
    i = torch.arange(Lq)[:, None] + Lk - Lq
    j = torch.arange(Lk)
    seen = torch.ones(Lq, Lk, dtype=torch.bool)
    if causal:
        seen = seen & (j <= i)
    if window is not None:
        seen = seen & ((j > i - window) if causal else ((i - j).abs() < window))
    if mask is not None:
        seen = seen & mask
    s = s.masked_fill(~seen, float("-inf"))
    top = s.detach().amax(-1, keepdim=True) if Lk else s.new_full((B, H, Lq, 1), float("-inf"))
    if sinks is not None:
        sink = sinks.to(work).view(1, H, 1, 1)
        top = torch.maximum(top, sink.detach())
    top = top.masked_fill(top == float("-inf"), 0.0)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    if sinks is not None:
        total = total + torch.exp(sink - top)
    out = (p @ values) / total.masked_fill(total == 0, 1.0)
    return out.to(q.dtype)
