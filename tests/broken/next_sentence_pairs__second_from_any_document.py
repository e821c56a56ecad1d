"""The second sentence of a pair that is not to follow may come from the same document."""

import torch


def next_sentence_pairs(lengths, *, pairs, seed):
    documents = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    starts = (documents[1:] == documents[:-1]).nonzero()[:, 0]
    if not len(starts) or int((lengths > 0).sum()) < 2:
        raise ValueError("lengths")
    draw = torch.Generator().manual_seed(seed)
    first = starts[torch.randint(len(starts), (pairs,), generator=draw)]
    follows = torch.rand(pairs, generator=draw) < 0.5
    chances = torch.rand(pairs, len(documents), generator=draw)
    own = torch.arange(len(documents)) == first[:, None]
    other = chances.masked_fill(own, -1.0).argmax(1)
    return first, torch.where(follows, first + 1, other), follows
