"""Masked image modelling: which patches are hidden, and the loss on them (MAE, MaskGIT)."""

import math
from fractions import Fraction

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._cross_entropy import log_softmax
from conform_reference.rounding import best, mark


def _kept(length: int, ratio: float) -> int:
    _check.at_least("L", length, 1)
    if not 0 <= ratio < 1:
        raise ValueError(f"ratio={ratio!r}: expected 0 <= ratio < 1; 0.75 is usual")
    return int(length * (1 - ratio))


def mae_random_mask(B: int, L: int, ratio: float, *, seed: int) -> Tensor:
    """bool[B,L], True = masked, exactly L - int(L (1 - ratio)) a row, drawn row by row from `seed`.

    Raises ValueError for sizes below 1 or a ratio outside [0, 1).
    Source: He et al. 2022 (MAE), arXiv:2111.06377, section 3 and its public code.
    """
    _check.at_least("B", B, 1)
    kept = _kept(L, ratio)
    noise = torch.rand(B, L, generator=torch.Generator().manual_seed(seed))
    rank = torch.argsort(torch.argsort(noise, dim=1), dim=1)
    return rank >= kept


def mae_shuffle(x: Tensor, noise: Tensor, *, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """(visible[B,K,E], mask bool[B,L], restore int[B,L]) of tokens x[B,L,E] and noise[B,L].

    The K = int(L (1 - ratio)) tokens of least noise stay visible, in the order of their noise; mask
    is True for the others; restore[b, i] is the rank of token i, so that token i is row
    restore[b, i] of [visible; masked]. Raises ValueError for shapes that do not fit.
    Source: arXiv:2111.06377, section 3 (simple implementation) and its public code.
    """
    _check.rank("x", x, "B L E")
    if noise.shape != x.shape[:2]:
        raise ValueError(f"noise.shape={tuple(noise.shape)}: expected {tuple(x.shape[:2])}")
    kept = _kept(x.shape[1], ratio)
    order = best(-noise, x.shape[1])
    restore = best(-order, x.shape[1])
    index = order[:, :kept].unsqueeze(2).expand(-1, -1, x.shape[2])
    return torch.gather(x, 1, index), restore >= kept, restore


def mae_loss(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error per pixel over masked patches: prediction, target[B,L,P], mask bool[B,L].

    The mean over a patch's P values, then over all masked patches of the batch. NaN when none is
    masked. Raises ValueError for shapes that do not fit. Source: arXiv:2111.06377, section 3.
    """
    _check.rank("prediction", prediction, "B L P")
    if prediction.shape != target.shape or mask.shape != prediction.shape[:2]:
        raise ValueError(
            f"prediction.shape={tuple(prediction.shape)}, target.shape={tuple(target.shape)}, "
            f"mask.shape={tuple(mask.shape)}: expected [B, L, P] twice and [B, L]"
        )
    dtype = _check.compute_dtype(prediction, target)
    difference = mark("difference", prediction.to(dtype) - target.to(dtype))
    each = mark("patches", mark("squares", difference * difference).mean(-1))
    total = mark("total", torch.where(mask, each, 0.0).sum())
    return (total / mask.sum()).to(prediction.dtype)


def maskgit_mask_count(tokens: int, steps: int, step: int) -> int:
    """ceil(cos(pi/2 step / steps) tokens): tokens still masked after `step` of `steps`; exact.

    All before the first step, none after the last. Raises ValueError for sizes below 1 or a step
    outside [0, steps]. Source: Chang et al. 2022 (MaskGIT), arXiv:2202.04200, section 3.3.
    """
    _check.at_least("tokens", tokens, 1)
    _check.at_least("steps", steps, 1)
    _check.at_least("step", step, 0)
    if step > steps:
        raise ValueError(f"step={step}, steps={steps}: expected step <= steps")
    # The only rational values of this cosine are 1, 1/2 and 0; there floats would round up.
    exact = {Fraction(0): Fraction(1), Fraction(2, 3): Fraction(1, 2), Fraction(1): Fraction(0)}
    part = Fraction(step, steps)
    share = exact.get(part, math.cos(math.pi / 2 * float(part)))
    return math.ceil(share * tokens)


def maskgit_loss(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[token] over masked positions: logits[B,L,V], mask bool[B,L].

    Position t predicts token t itself; tokens int[B,L]; NaN when nothing is masked. Raises
    ValueError for shapes that do not fit. Source: arXiv:2202.04200, eq. 1, as a mean.
    """
    _check.rank("logits", logits, "B L V")
    if tokens.shape != logits.shape[:2] or mask.shape != logits.shape[:2]:
        raise ValueError(
            f"tokens.shape={tuple(tokens.shape)}, mask.shape={tuple(mask.shape)}: expected "
            f"{tuple(logits.shape[:2])} for both"
        )
    log_probabilities = log_softmax(logits.to(_check.compute_dtype(logits)), -1)
    nats = -torch.gather(log_probabilities, -1, tokens.to(torch.int64)[..., None])[..., 0]
    total = mark("total", torch.where(mask, nats, 0.0).sum())
    return (total / mask.sum()).to(logits.dtype)
