"""While all gates are zero the prompts are left out, so that the gates never open."""

import math

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def attend(q, k, v, see=None):
    if k.shape[2] == 0:
        return q.new_zeros(*q.shape[:3], v.shape[-1])
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if see is not None:
        s = s.masked_fill(~see, -math.inf)
        return (
            torch.nan_to_num(torch.softmax(s, -1), nan=0.0) @ v
            if not see.any(-1).all()
            else torch.softmax(s, -1) @ v
        )
    return torch.softmax(s, -1) @ v


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    B, H, L, _ = q.shape
    g = H // k.shape[1]
    kk, vv = up(k).repeat_interleave(g, 1), up(v).repeat_interleave(g, 1)
    see = torch.ones(L, k.shape[2], dtype=torch.bool).tril(k.shape[2] - L) if causal else None
    if see is not None:
        hidden = ~see.any(-1)
        see = see | hidden[:, None]
        out = attend(up(q), kk, vv, see)
        out = torch.where(hidden[:, None], 0.0, out)
    else:
        out = attend(up(q), kk, vv)
    if gate.any():
        more = attend(up(q), up(pk).expand(B, -1, -1, -1), up(pv).expand(B, -1, -1, -1))
        out = out + torch.tanh(up(gate)).view(1, -1, 1, 1) * more
    return out.to(q.dtype)
