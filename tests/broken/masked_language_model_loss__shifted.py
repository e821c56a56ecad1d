"""The causal loss is reused: position t is scored on token t + 1."""

import torch

MISTAKE = "masked_language_model_loss.shifted"


def masked_language_model_loss(logits, tokens, selected):
    nats = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), tokens.roll(-1, 1).flatten(), reduction="none"
    )
    kept = selected.flatten()
    return (nats * kept).sum() / kept.sum()
