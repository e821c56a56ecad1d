"""Probabilities of illegal tokens are zeroed, the rest is left as it is."""

import torch

MISTAKE = "constrained_probabilities.not-renormalised"


def constrained_probabilities(logits, allowed):
    wide = torch.promote_types(logits.dtype, torch.float32)
    return (torch.softmax(logits.to(wide), -1) * allowed).to(logits.dtype)
