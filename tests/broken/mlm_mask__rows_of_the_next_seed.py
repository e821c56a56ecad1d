"""Each row has a generator of its own, of seed + row, and so has the next seed's row before it."""

import torch


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    if not 0 <= rate <= 1 or tokens.shape != special.shape:
        raise ValueError("bad input")
    B, L = tokens.shape
    inputs, labels = tokens.clone(), torch.full_like(tokens, -100)
    for b in range(B):
        g = torch.Generator().manual_seed(seed + b)
        chosen = (torch.rand(L, generator=g) < rate) & ~special[b]
        kind = torch.rand(L, generator=g)
        other = torch.randint(vocabulary, (L,), generator=g).to(tokens.dtype)
        inputs[b] = torch.where(chosen & (kind < 0.8), mask_token, tokens[b])
        inputs[b] = torch.where(chosen & (kind >= 0.8) & (kind < 0.9), other, inputs[b])
        labels[b] = torch.where(chosen, tokens[b], -100)
    return inputs, labels
