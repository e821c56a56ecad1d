"""The trick for distances of the past alone is used on a two-sided list."""

import torch.nn.functional as F

MISTAKE = "relative_shift.causal-trick"


def relative_shift(scores):
    b, h, n, _ = scores.shape
    padded = F.pad(scores[..., :n], (1, 0)).reshape(b, h, n + 1, n)
    return padded[:, :, 1:]
