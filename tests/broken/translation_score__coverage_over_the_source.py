"""The attention is summed over the source instead of the target."""

import torch


def translation_score(log_probability, attention, *, alpha, beta):
    wide = torch.promote_types(log_probability.dtype, torch.float32)
    T = attention.shape[1]
    cover = attention.to(wide).sum(2).clamp(max=1).log().sum(1)
    return (log_probability.to(wide) / ((5 + T) / 6) ** alpha + beta * cover).to(
        log_probability.dtype
    )
