"""Target i sees the sources up to i only."""

import torch

MISTAKE = "encoder_decoder_mask.cross-causal"


def encoder_decoder_mask(S, T):
    mask = torch.zeros(S + T, S + T, dtype=torch.bool)
    mask[:S, :S] = True
    mask[S:, :S] = torch.ones(T, S, dtype=torch.bool).tril()
    mask[S:, S:] = torch.ones(T, T, dtype=torch.bool).tril()
    return mask
