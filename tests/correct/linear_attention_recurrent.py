"""Linear attention as a recurrence over time, one rank-one update of the state a step."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    fq, fk = (torch.exp(x.to(wide).clamp(max=0)) + x.to(wide).clamp(min=0) for x in (q, k))
    v = v.to(wide)
    state, normaliser, outs = 0, 0, []
    for t in range(q.shape[2]):
        state = state + fk[:, :, t, :, None] * v[:, :, t, None, :]
        normaliser = normaliser + fk[:, :, t]
        outs.append((state, normaliser))
    if not causal:
        outs = [outs[-1]] * q.shape[2]
    rows = [
        (fq[:, :, t, :, None] * s).sum(-2) / (fq[:, :, t] * z).sum(-1, keepdim=True)
        for t, (s, z) in enumerate(outs)
    ]
    return torch.stack(rows, dim=2).to(q.dtype)
