"""The bytes are shifted as signed numbers, so that high halves of 8 and more come out wrong."""

import torch


def nf4_unpack(packed):
    b = packed.view(torch.int8)
    high = torch.bitwise_right_shift(b, 4)
    low = torch.bitwise_and(b, 15)
    return torch.stack([high, low], 1).reshape(-1).view(torch.uint8)
