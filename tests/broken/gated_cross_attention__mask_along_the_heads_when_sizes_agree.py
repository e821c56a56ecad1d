"""The mask [B, L, M] is broadcast along the heads where there are as many heads as sequences."""

import torch


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    B, L, _E = x.shape
    M = visual.shape[1]
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    xf, vf = x.to(work), visual.to(work)
    q = (xf @ Wq.to(work)).view(B, L, heads, -1).transpose(1, 2)
    k = (vf @ Wk.to(work)).view(B, M, heads, -1).transpose(1, 2)
    v = (vf @ Wv.to(work)).view(B, M, heads, -1).transpose(1, 2)
    s = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    if mask is not None:
        s = s.masked_fill(~(mask[None] if heads == B else mask[:, None]), float("-inf"))
    top = s.detach().amax(-1, keepdim=True) if M else s.new_zeros(B, heads, L, 1)
    p = torch.exp(s - top.masked_fill(top == float("-inf"), 0.0))
    total = p.sum(-1, keepdim=True)
    out = (p @ v / total.masked_fill(total == 0, 1.0)).transpose(1, 2).reshape(B, L, -1) @ Wo.to(
        work
    )
    return (xf + torch.tanh(gate.to(work)) * out).to(x.dtype)
