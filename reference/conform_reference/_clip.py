"""Contrastive image-text pretraining: similarities, loss, zero-shot classification."""

from collections.abc import Callable

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._cross_entropy import log_softmax, slope_made_anew, softmax_of, unit
from conform_reference.rounding import injected, mark


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name}={value!r}: expected a positive number; 0.07 is usual")


def _scaled_cosines(image: Tensor, text: Tensor, temperature: float) -> Tensor:
    """cos(image_i, text_j) / temperature in at least float32: [N,E], [M,E] -> [N,M]."""
    _check.rank("image", image, "N E")
    _check.rank("text", text, "M E")
    _check.same("width", "image.shape[1]", image.shape[1], "text.shape[1]", text.shape[1])
    _positive("temperature", temperature)
    dtype = _check.compute_dtype(image, text)
    scaled = mark("scaled", unit(image.to(dtype)) / temperature) * temperature
    cosines = mark("cosines", scaled @ unit(text.to(dtype)).transpose(0, 1))
    return mark("logits", cosines / temperature)


def clip_logits(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """cos(image_i, text_j) / temperature: image[N,E], text[M,E] -> [N,M], rows are images.

    A zero vector gives NaN. Raises ValueError for shapes that do not fit or a temperature that is
    not positive. Source: Radford et al. 2021, arXiv:2103.00020, figure 3 (e^t = 1 / temperature).
    """
    return _all_pairs(image, text, temperature).to(image.dtype)


def _all_pairs(image: Tensor, text: Tensor, temperature: float) -> Tensor:
    """The scaled cosines, by one product or pair by pair."""
    logits = _scaled_cosines(image, text, temperature)
    return logits + _pair_by_pair(image, text) / temperature if injected() else logits


def _pair_by_pair(image: Tensor, text: Tensor) -> Tensor:
    """Zero; its slope is the roundoff of a cosine similarity that treats each pair by itself.

    There what a cosine loses is multiplied by the pair's own cotangent and goes along the vectors,
    where it does not cancel against what other pairs lose.
    """
    dtype = _check.compute_dtype(image, text)
    images, texts = image.to(dtype), text.to(dtype)
    one, other = unit(images).detach(), unit(texts).detach()
    lost = mark("cosines", one @ other.T) - mark("cosines", one @ other.T)
    stretch = _log_length(images) + _log_length(texts).transpose(0, 1)
    return stretch * lost.detach() * 0.5**0.5


def _log_length(x: Tensor) -> Tensor:
    """Zero, [N,1], with the slope of log ||x||."""
    length = torch.sqrt(torch.sum(x * x, dim=-1, keepdim=True))
    return (length - length.detach()) / length.detach()


def clip_loss(image: Tensor, text: Tensor, *, temperature: float) -> Tensor:
    """(CE over texts + CE over images) / 2 of the pairs (i, i): image, text[B,E] -> scalar.

    Logits are cosines divided by the temperature; each cross entropy is a mean over the B pairs.
    Raises ValueError for shapes that do not fit, unlike numbers of images and texts, or a
    temperature that is not positive. Source: Radford et al. 2021, arXiv:2103.00020, figure 3.
    """
    logits = _scaled_cosines(image, text, temperature)
    _check.same("number of pairs", "image.shape[0]", image.shape[0], "text.shape[0]", text.shape[0])
    _check.not_empty("B", image.shape[0])
    by_image = torch.diagonal(log_softmax(logits, 1))
    by_text = torch.diagonal(log_softmax(logits, 0))
    if injected():
        again, apart = _in_blocks(image, text, temperature)
        by_image = by_image + apart() - slope_made_anew(logits, again, 1)
        by_text = by_text + apart() - slope_made_anew(logits, again, 0)
    both = mark("direction", -torch.mean(by_image)) + mark("direction", -torch.mean(by_text))
    return (mark("total", both) / 2).to(image.dtype)


def _in_blocks(
    image: Tensor, text: Tensor, temperature: float
) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    """What a loss that stores no logits evaluates again: all of them, and those of the pairs apart
    (zero but for roundoff)."""
    dtype = _check.compute_dtype(image, text)
    images, texts = unit(image.to(dtype)), unit(text.to(dtype))

    def pairs() -> Tensor:
        return torch.sum(images * texts, dim=-1) / temperature

    def again() -> Tensor:
        return images.detach() @ texts.detach().T / temperature

    return again, lambda: (pairs() - pairs()) * 0.5**0.5


def clip_zero_shot(image: Tensor, classes: Tensor, *, temperature: float) -> Tensor:
    """softmax over classes of cos(image, class) / temperature: [B,E], [C,E] -> [B,C].

    Raises ValueError as `clip_logits`. Source: Radford et al. 2021, section 3.1.2.
    """
    logits = _all_pairs(image, classes, temperature)
    return softmax_of(logits).to(image.dtype)


def clip_class_embeddings(prompts: Tensor) -> Tensor:
    """Unit mean of a class's unit prompt embeddings: prompts[C,P,E] (P templates) -> [C,E].

    Raises ValueError for another rank. Source: Radford et al. 2021, section 3.1.4 and its released
    notebook, which normalises before and after the mean.
    """
    _check.rank("prompts", prompts, "C P E")
    units = unit(prompts.to(_check.compute_dtype(prompts)))
    return unit(mark("mean", torch.mean(units, dim=1))).to(prompts.dtype)
