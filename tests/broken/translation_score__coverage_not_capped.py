"""A source word attended to more than once earns a bonus."""

import torch

MISTAKE = "translation_score.not-capped"


def translation_score(log_probability, attention, *, alpha, beta):
    wide = torch.promote_types(log_probability.dtype, torch.float32)
    penalty = ((5 + attention.shape[1]) / 6) ** alpha
    coverage = attention.to(wide).sum(1).log().sum(-1)
    return (log_probability.to(wide) / penalty + beta * coverage).to(log_probability.dtype)
