"""Mistakes in hiding patches and in what is done with them."""

import math

import torch
from torch import Tensor

from conform_reference import vision as right


def _rank(B: int, L: int, seed: int) -> Tensor:
    noise = torch.rand(B, L, generator=torch.Generator().manual_seed(seed))
    return noise.argsort(1).argsort(1)


def mae_count_rounded_down(B: int, L: int, ratio: float, *, seed: int) -> Tensor:
    """int(L ratio) are hidden: one fewer where L ratio is no integer."""
    right.mae_random_mask(B, L, ratio, seed=seed)
    return _rank(B, L, seed) < int(L * ratio)


def mae_bernoulli(B: int, L: int, ratio: float, *, seed: int) -> Tensor:
    """The number of hidden patches varies."""
    right.mae_random_mask(B, L, ratio, seed=seed)
    return torch.rand(B, L, generator=torch.Generator().manual_seed(seed)) < ratio


def mae_first_patches(B: int, L: int, ratio: float, *, seed: int) -> Tensor:
    """Nothing is random."""
    count = int(right.mae_random_mask(1, L, ratio, seed=seed).sum())
    return (torch.arange(L) < count).expand(B, L).clone()


def mae_one_block(B: int, L: int, ratio: float, *, seed: int) -> Tensor:
    """The hidden patches follow each other."""
    count = int(right.mae_random_mask(1, L, ratio, seed=seed).sum())
    start = torch.randint(L, (B, 1), generator=torch.Generator().manual_seed(seed))
    return (torch.arange(L) - start) % L < count


def mae_masked_kept(x: Tensor, noise: Tensor, *, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """The tokens of greatest noise are kept."""
    return right.mae_shuffle(x, -noise, ratio=ratio)


def mae_in_image_order(x: Tensor, noise: Tensor, *, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """Visible tokens come in the order of the image, but are restored as if shuffled."""
    _, mask, restore = right.mae_shuffle(x, noise, ratio=ratio)
    kept = x.shape[1] - int(mask[0].sum())
    order = torch.sort(mask.to(torch.uint8), dim=1, stable=True).indices[:, :kept]
    return torch.gather(x, 1, order[..., None].expand(-1, -1, x.shape[2])), mask, restore


def mae_shuffle_for_restore(
    x: Tensor, noise: Tensor, *, ratio: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The shuffling permutation is returned instead of its inverse."""
    visible, mask, _ = right.mae_shuffle(x, noise, ratio=ratio)
    return visible, mask, torch.argsort(noise, dim=1, stable=True)


def mae_one_order(x: Tensor, noise: Tensor, *, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """All images are shuffled like the first."""
    return right.mae_shuffle(x, noise[:1].expand(noise.shape), ratio=ratio)


def mae_loss_of_image_means(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The mean over images of each image's mean over its hidden patches."""
    each = (prediction - target).double().square().mean(-1)
    per_image = torch.where(mask, each, 0.0).sum(1) / mask.sum(1).clamp(min=1)
    return per_image.mean().to(prediction.dtype)


def maskgit_float_cosine(tokens: int, steps: int, step: int) -> int:
    """cos(pi / 2) is 6e-17 in floats, whose ceiling is one token too many."""
    right.maskgit_mask_count(tokens, steps, step)
    return math.ceil(math.cos(math.pi / 2 * step / steps) * tokens)


def maskgit_linear(tokens: int, steps: int, step: int) -> int:
    """A linear schedule."""
    right.maskgit_mask_count(tokens, steps, step)
    return math.ceil((1 - step / steps) * tokens)


def maskgit_floor(tokens: int, steps: int, step: int) -> int:
    """Rounded down instead of up."""
    right.maskgit_mask_count(tokens, steps, step)
    return math.floor(math.cos(math.pi / 2 * step / steps) * tokens)


def maskgit_counts_unmasked(tokens: int, steps: int, step: int) -> int:
    """How many are known instead of how many are masked."""
    return tokens - right.maskgit_mask_count(tokens, steps, step)


def maskgit_unchecked(tokens: int, steps: int, step: int) -> int:
    """A step beyond the last is answered."""
    return right.maskgit_mask_count(tokens, steps, min(step, steps))
