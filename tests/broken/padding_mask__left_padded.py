"""Takes the padding to be on the left."""

import torch

MISTAKE = "padding_mask.left"


def padding_mask(lengths, L):
    return torch.arange(L).flip(0) < lengths[:, None]
