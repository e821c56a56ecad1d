"""One-hot words, and the losses of word2vec and GloVe."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._cross_entropy import log_sigmoid
from conform_reference.rounding import mark


def one_hot_encode(tokens: Tensor, *, vocabulary: int) -> Tensor:
    """int[...] -> int64[..., vocabulary]: 1 at the token, 0 elsewhere.

    Raises ValueError for a vocabulary below 1 or a token outside of it.
    """
    _check.at_least("vocabulary", vocabulary, 1)
    if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= vocabulary):
        raise ValueError(
            f"tokens={int(tokens.min())}..{int(tokens.max())}: expected ids in [0, {vocabulary})"
        )
    return (tokens.unsqueeze(-1) == torch.arange(vocabulary, device=tokens.device)).long()


def skipgram_loss(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """Mean over the batch of -log s(u.v) - sum_k log s(-n_k.v), s the logistic function.

    centre v[B,E], context u[B,E], negatives n[B,K,E] -> scalar. Raises ValueError for shapes that
    do not fit. Source: Mikolov et al. 2013, arXiv:1310.4546, eq. 4, as a loss.
    """
    _check.rank("centre", centre, "B E")
    _check.rank("negatives", negatives, "B K E")
    if context.shape != centre.shape:
        raise ValueError(f"context.shape={tuple(context.shape)}: expected {tuple(centre.shape)}")
    dtype = _check.compute_dtype(centre, context, negatives)
    v, u, n = centre.to(dtype), context.to(dtype), negatives.to(dtype)
    positive = mark("score", torch.sum(mark("products", u * v), -1))
    negative = mark("score", torch.sum(mark("products", n * v.unsqueeze(1)), -1))
    wrong = mark("negative_part", torch.sum(log_sigmoid(-negative), -1))
    return -torch.mean(mark("sample", log_sigmoid(positive) + wrong)).to(centre.dtype)


def glove_loss(
    w: Tensor, c: Tensor, bw: Tensor, bc: Tensor, counts: Tensor, *, x_max: float = 100.0
) -> Tensor:
    """sum_ij f(X_ij) (w_i.c_j + bw_i + bc_j - log X_ij)^2, f(x) = min(1, (x / x_max)^(3/4)).

    w[V,E], c[U,E], bw[V], bc[U], counts X[V,U] -> scalar; pairs that never occur count nothing.
    Raises ValueError for shapes that do not fit or x_max <= 0. Source: Pennington et al. 2014, eq.
    8 and 9.
    """
    _check.rank("w", w, "V E")
    _check.rank("c", c, "U E")
    if tuple(counts.shape) != (w.shape[0], c.shape[0]):
        raise ValueError(f"counts.shape={tuple(counts.shape)}: expected {(w.shape[0], c.shape[0])}")
    if x_max <= 0:
        raise ValueError(f"x_max={x_max}: expected a positive count; use 100")
    dtype = _check.compute_dtype(w, c, bw, bc, counts)
    seen = counts > 0
    X = torch.where(seen, counts.to(dtype), 1.0)
    share = mark("share", X / x_max)
    weight = mark("weight", torch.where(share < 1, share.clamp(max=1.0) ** 0.75, 1.0))
    fit = mark("product", w.to(dtype) @ c.to(dtype).T)
    fit = mark("fit", mark("fit", fit + bw.to(dtype).unsqueeze(1)) + bc.to(dtype))
    gap = mark("gap", fit - mark("log", torch.log(X)))
    return torch.sum(torch.where(seen, mark("term", weight * mark("square", gap * gap)), 0.0)).to(
        w.dtype
    )
