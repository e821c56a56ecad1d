"""What recurrent translation systems add: length penalty, coverage, copying of unknown words."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference.rounding import decide, mark


def length_penalty(length: int, *, alpha: float) -> float:
    """((5 + length) / 6)^alpha. Raises ValueError unless length is a positive integer.

    Source: Wu et al. 2016, arXiv:1609.08144, eq. 14.
    """
    _check.at_least("length", length, 1)
    return float(((5 + length) / 6) ** alpha)


def translation_score(
    log_probability: Tensor, attention: Tensor, *, alpha: float, beta: float
) -> Tensor:
    """log p / length_penalty(T) + beta sum_i log min(sum_t attention[t, i], 1): -> [B].

    log_probability[B], attention[B,T,S] (target by source). Raises ValueError for shapes that do
    not fit. Source: Wu et al. 2016, arXiv:1609.08144, eq. 14.
    """
    _check.rank("log_probability", log_probability, "B")
    _check.rank("attention", attention, "B T S")
    dtype = _check.compute_dtype(log_probability, attention)
    covered = mark("covered", torch.sum(attention.to(dtype), dim=1)).clamp(max=1.0)
    coverage = mark("coverage", torch.sum(mark("logs", torch.log(covered)), dim=-1))
    share = mark(
        "share", log_probability.to(dtype) / length_penalty(attention.shape[1], alpha=alpha)
    )
    return (share + mark("bonus", beta * coverage)).to(log_probability.dtype)


def replace_unknown(output: Tensor, source: Tensor, attention: Tensor, *, unknown: int) -> Tensor:
    """Each `unknown` of output int[B,T] becomes the source token that it attends to most.

    source int[B,S], attention[B,T,S] -> int[B,T]. Raises ValueError for shapes that do not fit.
    Source: Luong et al. 2014, arXiv:1410.8206 (PosUnk), with attention as the alignment, as in
    Jean et al. 2015, arXiv:1412.2007.
    """
    _check.rank("attention", attention, "B T S")
    _check.same(
        "length", "output.shape[1]", output.shape[1], "attention.shape[1]", attention.shape[1]
    )
    _check.same(
        "length", "source.shape[1]", source.shape[1], "attention.shape[2]", attention.shape[2]
    )
    _check.not_empty("S", source.shape[1])
    place = decide("aligned", attention)[..., 0]
    copied = torch.gather(source, 1, place)
    return torch.where(output == unknown, copied, output)
