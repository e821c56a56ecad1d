"""The last sentence of a document has the first of the next one as its successor."""

import torch


def next_sentence_pairs(lengths, *, pairs, seed):
    g = torch.Generator().manual_seed(seed)
    n = int(lengths.sum())
    doc = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    first, second, follows = [], [], []
    for _ in range(pairs):
        a = int(torch.randint(n - 1, (), generator=g))
        if int(torch.randint(2, (), generator=g)):
            b, f = a + 1, True
        else:
            others = (doc != doc[a]).nonzero().view(-1)
            b, f = int(others[int(torch.randint(len(others), (), generator=g))]), False
        first.append(a), second.append(b), follows.append(f)
    return torch.tensor(first), torch.tensor(second), torch.tensor(follows)
