"""The mean probability counts each token's chosen expert only, not the whole softmax."""

import torch.nn.functional as F


def load_balancing_loss(probs, indices):
    n = probs.shape[1]
    chosen = F.one_hot(indices, n).to(probs.dtype)
    return n * (chosen.mean(0) * (probs * chosen).mean(0)).sum()
