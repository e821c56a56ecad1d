"""A merge is spelled second part first."""

import torch

MISTAKE = "bpe_decode.parts-swapped"


def bpe_decode(ids, merges, *, alphabet):
    words = [[i] for i in range(alphabet)]
    for a, b in merges.tolist():
        words.append(words[b] + words[a])
    return torch.tensor([s for i in ids.tolist() for s in words[i]], dtype=torch.int64)
