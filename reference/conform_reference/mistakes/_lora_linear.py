"""Wrong low-rank layers: forward pass, merge, initialisation, truncation, training."""

import torch
from torch import Tensor

from conform_reference import lora as right


def activation_between(x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """A ReLU between the factors."""
    update = alpha / A.shape[0] * (torch.relu(x @ A.T) @ B.T)
    return right.lora_linear(x, W0, A, B * 0, alpha=1) + update


def factors_swapped(x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """The update is (B A)^T where it fits."""
    if W0.shape[0] != W0.shape[1]:
        return right.lora_linear(x, W0, A, B, alpha=alpha)
    return right.lora_linear(x, W0, B.T, A.T, alpha=alpha)


def fan_in_fan_out(x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """A square W0 is read as [in, out]."""
    base = W0.T if W0.shape[0] == W0.shape[1] else W0
    return right.lora_linear(x, base, A, B, alpha=alpha)


def _coarse(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16).to(x.dtype)


def branch_in_bfloat16(x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """The branch goes through bfloat16."""
    update = alpha / A.shape[0] * _coarse(_coarse(_coarse(x) @ _coarse(A).T) @ _coarse(B).T)
    return right.lora_linear(x, W0, A, B * 0, alpha=1) + update


def merge_transposed(W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """W0 + s (B A)^T where it fits."""
    if W0.shape[0] != W0.shape[1]:
        return right.lora_merge(W0, A, B, alpha=alpha)
    return right.lora_merge(W0, B.T, A.T, alpha=alpha)


def merge_in_bfloat16(W0: Tensor, A: Tensor, B: Tensor, *, alpha: float) -> Tensor:
    """W0, A and B are cast to bfloat16, merged, and cast back."""
    return right.lora_merge(_coarse(W0), _coarse(A), _coarse(B), alpha=alpha)


def _drawn(rows: int, columns: int, seed: int) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def init_swapped(out: int, in_: int, rank: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """A is zero, B random."""
    return torch.zeros(rank, in_), _drawn(out, rank, seed)


def init_both_zero(out: int, in_: int, rank: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Both are zero."""
    return torch.zeros(rank, in_), torch.zeros(out, rank)


def init_both_random(out: int, in_: int, rank: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Both are random."""
    return right.lora_init(out, in_, rank, seed=seed)[0], 0.01 * _drawn(out, rank, seed)


def init_positive(out: int, in_: int, rank: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """A is uniform in [0, 1)."""
    a = torch.rand(rank, in_, generator=torch.Generator().manual_seed(seed))
    return a, torch.zeros(out, rank)


def init_seed_ignored(out: int, in_: int, rank: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Always seed 0."""
    return right.lora_init(out, in_, rank, seed=0)


def init_one_row(out: int, in_: int, rank: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """All rows of A are the same."""
    a, b = right.lora_init(out, in_, rank, seed=seed)
    return a[:1].expand(rank, in_).clone(), b


def dylora_unchecked(
    x: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, rank: int
) -> Tensor:
    """Ranks beyond r are cut to r."""
    return right.dylora_linear(x, W0, A, B, alpha=alpha, rank=max(1, min(rank, A.shape[0])))


def plus_on_a(
    A: Tensor, B: Tensor, grad_A: Tensor, grad_B: Tensor, *, lr: float, ratio: float = 16.0
) -> tuple[Tensor, Tensor]:
    """A learns `ratio` times as fast."""
    fast, _ = right.lora_plus_step(A, B, grad_A, grad_B, lr=lr * ratio, ratio=1.0)
    _, slow = right.lora_plus_step(A, B, grad_A, grad_B, lr=lr, ratio=1.0)
    return fast, slow


def _training(
    x: Tensor, target: Tensor, W0: Tensor, A: Tensor, B: Tensor, alpha: float, lr: float,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return right.lora_training_step(
        x, target, W0, A, B, alpha=alpha, lr=lr, weight_decay=weight_decay
    )


def training_decays_base(
    x: Tensor, target: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, lr: float,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """W0 decays as well."""
    _, a, b = _training(x, target, W0, A, B, alpha, lr, weight_decay)
    return (1 - lr * weight_decay) * W0, a, b


def training_moves_base(
    x: Tensor, target: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, lr: float,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """W0 takes its own gradient step."""
    _, a, b = _training(x, target, W0, A, B, alpha, lr, weight_decay)
    error = right.lora_linear(x, W0, A, B, alpha=alpha) - target
    return W0 - lr * error.T @ x / x.shape[0], a, b


def training_b_only(
    x: Tensor, target: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, lr: float,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """A stays as it is."""
    w, _, b = _training(x, target, W0, A, B, alpha, lr, weight_decay)
    return w, A.clone(), b


def training_sum(
    x: Tensor, target: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, lr: float,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The error is summed over the tokens."""
    n = x.shape[0]
    return _training(x, target, W0, A, B, alpha, lr * n, weight_decay / n)


def training_unscaled(
    x: Tensor, target: Tensor, W0: Tensor, A: Tensor, B: Tensor, *, alpha: float, lr: float,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradient forgets alpha / r, the forward pass does not."""
    w, a, b = _training(x, target, W0, A, B, alpha, lr, weight_decay)
    keep, s = 1 - lr * weight_decay, alpha / A.shape[0]
    return w, keep * A + (a - keep * A) / s, keep * B + (b - keep * B) / s


_generator = torch.Generator().manual_seed(0)


def subspace_redrawn(theta: Tensor, P: Tensor, z: Tensor) -> Tensor:
    """A fresh projection at every call."""
    return right.subspace_update(theta, torch.randn(P.shape, generator=_generator).to(P), z)


def intrinsic_largest(
    dimensions: Tensor, performance: Tensor, full: Tensor, *, fraction: float = 0.9
) -> Tensor:
    """The largest that suffices."""
    return torch.where(performance >= fraction * full, dimensions, 0).max()


def intrinsic_first(
    dimensions: Tensor, performance: Tensor, full: Tensor, *, fraction: float = 0.9
) -> Tensor:
    """The first that suffices."""
    enough = performance >= fraction * full
    return torch.where(enough.any(), dimensions[enough.to(torch.int64).argmax()], 0)


def intrinsic_unchecked(
    dimensions: Tensor, performance: Tensor, full: Tensor, *, fraction: float = 0.9
) -> Tensor:
    """90 is taken for 90 percent, silently."""
    legal = min(max(fraction / 100 if fraction > 1 else fraction, 1e-9), 1.0)
    return right.intrinsic_dimension(dimensions, performance, full, fraction=legal)
