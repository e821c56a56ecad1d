"""With grouped heads the prompts, which are per query head already, are repeated like the keys and
cut to the number of heads.
"""

import torch


def prefix_attention(q, k, v, pk, pv, *, scale=None):
    B, H, _, D = q.shape
    G = H // k.shape[1]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    scale = D**-0.5 if scale is None else scale

    def joined(prompt, tokens):
        prompt = prompt.to(work).repeat_interleave(G, 0)[:H].expand(B, -1, -1, -1)
        return torch.cat((prompt, tokens.to(work).repeat_interleave(G, 1)), 2)

    s = q.to(work) @ joined(pk, k).transpose(-1, -2) * scale
    return (
        (torch.softmax(s, -1) @ joined(pv, v)).to(q.dtype)
        if s.shape[-1]
        else q.new_zeros(*q.shape[:3], v.shape[3])
    )
