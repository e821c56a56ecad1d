"""Unselected positions are zeroed and still counted in the mean."""

import torch

MISTAKE = "masked_language_model_loss.mean-over-all"


def masked_language_model_loss(logits, tokens, selected):
    nats = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), tokens.flatten(), reduction="none"
    )
    return (nats * selected.flatten()).mean()
