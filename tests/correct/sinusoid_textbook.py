"""The table as tutorials have it: frequencies as exp of a float32 product."""

import math

import torch


def sinusoidal_encoding(length, dim, *, base=10000.0):
    table = torch.zeros(length, dim)
    place = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(torch.arange(0, dim, 2).float() * (-math.log(base) / dim))
    table[:, 0::2] = torch.sin(place * rate)
    table[:, 1::2] = torch.cos(place * rate)
    return table
