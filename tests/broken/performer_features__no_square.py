"""exp(omega x) alone: the -|x|^2 / 2 that makes the estimate unbiased is missing."""

import torch

MISTAKE = "performer_features.no-square"


def performer_features(x, omega):
    return torch.exp(x @ omega.T) / omega.shape[0] ** 0.5
