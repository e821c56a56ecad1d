"""The running sum of keys in the causal denominator is computed outside the graph, the gradient of
k lacks it (fla-org/flash-linear-attention pull 875).
"""

import torch


def attend(q, k, v, causal):
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    fq = torch.nn.functional.elu(q.to(work)) + 1
    fk = torch.nn.functional.elu(k.to(work)) + 1
    s = fq @ fk.transpose(-1, -2)
    if causal:
        s = s.tril()
    return fq, fk, s, v.to(work)


def linear_attention(q, k, v, *, causal=False):
    fq, fk, s, vf = attend(q, k, v, causal)
    if causal:
        total = (fq * fk.detach().cumsum(-2)).sum(-1, keepdim=True)
    else:
        total = s.sum(-1, keepdim=True)
    return ((s @ vf) / total).to(q.dtype)
