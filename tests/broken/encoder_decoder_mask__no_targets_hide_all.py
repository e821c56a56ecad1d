"""Targets are hidden as the last T columns, which are all columns where there are no targets."""

import torch


def encoder_decoder_mask(S, T):
    if S < 0 or T < 0:
        raise ValueError(f"S={S} T={T}")
    mask = torch.ones(S + T, S + T, dtype=torch.bool).tril()
    mask[:, :S] = True
    mask[:S, -T:] = False
    return mask
