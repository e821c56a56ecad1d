"""A mask of three dims is taken as [B, Lq, Lk] wherever its first size equals the batch, though it
broadcasts over heads.
"""

import torch


def attention_weights(q, k, *, causal=False, window=None, mask=None, bias=None, scale=None):
    B, H, Lq, D = q.shape
    K, Lk = k.shape[1], k.shape[2]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    scale = D**-0.5 if scale is None else scale
    keys = k.to(work).repeat_interleave(H // K, 1)
    s = (q.to(work) @ keys.transpose(-1, -2)) * scale
    if bias is not None:
        s = s + bias.to(work)
    i = torch.arange(Lq)[:, None] + Lk - Lq
    j = torch.arange(Lk)
    seen = torch.ones(Lq, Lk, dtype=torch.bool)
    if causal:
        seen = seen & (j <= i)
    if window is not None:
        seen = seen & ((j > i - window) if causal else ((i - j).abs() < window))
    if mask is not None:
        if mask.dim() == 3 and mask.shape[0] == B:
            mask = mask[:, None]
        seen = seen & mask
    s = s.masked_fill(~seen, float("-inf"))
    top = s.detach().amax(-1, keepdim=True) if Lk else s.new_full((B, H, Lq, 1), float("-inf"))
    top = top.masked_fill(top == float("-inf"), 0.0)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    out = p / total.masked_fill(total == 0, 1.0)
    return out.to(q.dtype)
