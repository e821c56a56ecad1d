"""Beyond 64 tokens the last chunk is padded before the feature map, and each padded key adds elu(0)
+ 1 = 1 to the denominator (fla-org/flash-linear-attention issue 1263 is of the kind).
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
    fq, _fk, s, vf = attend(q, k, v, causal)
    total = s.sum(-1, keepdim=True)
    L = q.shape[-2]
    if not causal and L > 64:
        total = total + -L % 64 * fq.sum(-1, keepdim=True)
    return ((s @ vf) / total).to(q.dtype)
