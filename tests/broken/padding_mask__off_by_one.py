"""One padded slot counts as a token."""

import torch

MISTAKE = "padding_mask.inclusive"


def padding_mask(lengths, L):
    return torch.arange(L) <= lengths[:, None]
