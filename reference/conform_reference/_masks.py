"""Which query may attend to which key, as booleans; True = may attend."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._settings import settings


def distances(Lq: int, Lk: int, device: torch.device | None = None) -> Tensor:
    """int64[Lq, Lk]: how far key j lies before query i; 0 on the diagonal, negative after it.

    The last query lines up with the last key (bottom right) unless the convention says otherwise.
    """
    offset = Lk - Lq if settings().diagonal == "bottom_right" else 0
    queries = torch.arange(Lq, device=device).unsqueeze(1) + offset
    return queries - torch.arange(Lk, device=device)


def visibility(
    Lq: int, Lk: int, causal: bool, window: int | None, device: torch.device | None = None
) -> Tensor:
    """bool[Lq, Lk] for the options `causal` and `window` of attention."""
    distance = distances(Lq, Lk, device)
    visible = torch.ones_like(distance, dtype=torch.bool)
    if causal:
        visible = visible & (distance >= 0)
    if window is not None:
        _check.at_least("window", window, 1)
        visible = visible & (distance.abs() < window)
    return visible


def causal_mask(Lq: int, Lk: int) -> Tensor:
    """bool[Lq, Lk], True where key j <= query i + Lk - Lq.

    Raises ValueError for a negative size. Source: Vaswani et al. 2017, section 3.2.3; the
    alignment for Lq != Lk is that of decoding with a cache.
    """
    _check.at_least("Lq", Lq, 0)
    _check.at_least("Lk", Lk, 0)
    return visibility(Lq, Lk, True, None)


def sliding_window_mask(Lq: int, Lk: int, window: int) -> Tensor:
    """bool[Lq, Lk], causal: query i sees the `window` latest keys, its own position included.

    Raises ValueError for window < 1. Source: Beltagy et al. 2020 (Longformer), arXiv:2004.05150;
    the count of keys follows Mistral 7B, arXiv:2310.06825.
    """
    _check.at_least("Lq", Lq, 0)
    _check.at_least("Lk", Lk, 0)
    return visibility(Lq, Lk, True, window)


def sink_window_mask(Lq: int, Lk: int, window: int, sinks: int) -> Tensor:
    """bool[Lq, Lk], causal: the `window` latest keys and the first `sinks` keys of all.

    Raises ValueError for window < 1 or sinks < 0. Source: Xiao et al. 2023 (StreamingLLM),
    arXiv:2309.17453.
    """
    _check.at_least("sinks", sinks, 0)
    first = torch.arange(Lk) < sinks
    return sliding_window_mask(Lq, Lk, window) | (causal_mask(Lq, Lk) & first)


def padding_mask(lengths: Tensor, L: int) -> Tensor:
    """bool[B, L] from lengths int[B]: True for the first lengths[b] positions of row b.

    Raises ValueError when lengths is no vector or a length lies outside [0, L].
    """
    _check.rank("lengths", lengths, "B")
    _check.at_least("L", L, 0)
    outside = [n for n in lengths.tolist() if not 0 <= n <= L]
    if outside:
        raise ValueError(f"lengths={outside[0]}: expected 0 <= length <= L={L}; clip the lengths")
    return torch.arange(L, device=lengths.device) < lengths.unsqueeze(1)
