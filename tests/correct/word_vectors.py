"""Losses of word vectors by bce_with_logits and by a loop over the pairs seen."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def one_hot_encode(tokens, *, vocabulary):
    return one_hot(tokens, vocabulary)


def skipgram_loss(centre, context, negatives):
    words = torch.cat([up(context).unsqueeze(1), up(negatives)], 1)
    scores = torch.einsum("bke,be->bk", words, up(centre))
    wanted = torch.zeros_like(scores)
    wanted[:, 0] = 1
    loss = binary_cross_entropy_with_logits(scores, wanted, reduction="sum")
    return (loss / len(centre)).to(centre.dtype)


def glove_loss(w, c, bw, bc, counts, *, x_max=100.0):
    i, j = counts.nonzero(as_tuple=True)
    n = counts[i, j].to(up(w).dtype)
    fit = (up(w)[i] * up(c)[j]).sum(-1) + up(bw)[i] + up(bc)[j]
    weight = (n / x_max).clamp(max=1) ** 0.75
    return (weight * (fit - n.log()) ** 2).sum().to(w.dtype)


def exact_match_percent(predicted, expected):
    if not len(predicted):
        raise ValueError("no answers to score")
    wrong = (predicted != expected).reshape(len(predicted), -1).any(1)
    return 100 - 100 * wrong.double().mean()
