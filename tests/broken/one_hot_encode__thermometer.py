"""Ones from the word on, not at the word alone."""

import torch

MISTAKE = "one_hot_encode.cumulative"


def one_hot_encode(tokens, *, vocabulary):
    if bool(((tokens < 0) | (tokens >= vocabulary)).any()):
        raise ValueError("token outside of the vocabulary")
    return (torch.arange(vocabulary) >= tokens.unsqueeze(-1)).long()
