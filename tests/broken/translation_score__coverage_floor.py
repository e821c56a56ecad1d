"""Coverage is floored at 1e-2 before its logarithm."""

import torch


def translation_score(log_probability, attention, *, alpha, beta):
    wide = torch.promote_types(attention.dtype, torch.float32)
    T = attention.shape[1]
    cover = attention.to(wide).sum(1).clamp(min=1e-2, max=1.0)
    lp = ((5 + T) / 6) ** alpha
    return (log_probability.to(wide) / lp + beta * torch.log(cover).sum(-1)).to(attention.dtype)
