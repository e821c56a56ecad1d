"""Loads are recomputed from the probabilities; the indices that routing used are ignored."""

import torch

MISTAKE = "load_balancing_loss.own-argmax"


def load_balancing_loss(probs, indices):
    hot = torch.nn.functional.one_hot(probs.argmax(-1), probs.shape[1]).to(probs.dtype)
    return probs.shape[1] * (hot.mean(0) * probs.mean(0)).sum()
