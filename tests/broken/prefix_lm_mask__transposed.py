"""Rows and columns are confused: the prefix sees everything, nobody sees its future."""

import torch

MISTAKE = "prefix_lm_mask.transposed"


def prefix_lm_mask(L, prefix):
    mask = torch.ones(L, L, dtype=torch.bool).tril()
    mask[:, :prefix] = True
    return mask.T.contiguous()
