"""The log-probability is divided by the length to the power of alpha, without the constant five."""

import torch


def translation_score(log_probability, attention, *, alpha=0.6, beta=0.2):
    wide = torch.promote_types(log_probability.dtype, torch.float32)
    covered = torch.log(attention.to(wide).sum(1).clamp(max=1.0)).sum(-1)
    return (log_probability.to(wide) / attention.shape[1] ** alpha + beta * covered).to(
        log_probability.dtype
    )
