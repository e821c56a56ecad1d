"""Masks of the model families by loops, and BERT's masking with draws of its own."""

import torch

CONFORM = {"dtypes": ["float32"]}


def rows(size, sees):
    return torch.tensor(
        [[bool(sees(i, j)) for j in range(size)] for i in range(size)], dtype=torch.bool
    ).reshape(size, size)


def prefix_lm_mask(L, prefix):
    if prefix > L:
        raise ValueError("prefix longer than the text")
    return rows(L, lambda i, j: j <= i or j < prefix)


def encoder_decoder_mask(S, T):
    return rows(S + T, lambda i, j: j < S if i < S else j <= i)


def chunked_causal_mask(L, chunk):
    if chunk < 1:
        raise ValueError("empty chunks")
    return rows(L, lambda i, j: i - i % chunk <= j <= i)


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    if not 0 <= rate <= 1:
        raise ValueError("no probability")
    generator = torch.Generator().manual_seed(seed)
    chance = torch.full(tokens.shape, rate).masked_fill(special, 0.0)
    selected = torch.bernoulli(chance, generator=generator).bool()
    labels = tokens.masked_fill(~selected, -100)
    kind = torch.randint(0, 10, tokens.shape, generator=generator)
    words = torch.randint(vocabulary, tokens.shape, generator=generator)
    given = torch.where(selected & (kind == 8), words, tokens)
    return given.masked_fill(selected & (kind < 8), mask_token), labels
