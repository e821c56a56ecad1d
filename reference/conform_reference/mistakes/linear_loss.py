"""Fused linear losses that went wrong where blocks are joined or gradients are made by hand."""

from typing import Any

import torch
from torch import Tensor

from conform_reference import loss as right

_WORDS = 4  # a block of words
_POSITIONS = 3  # a chunk of positions


def _targets(tokens: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """(targets with 0 where they are ignored, which are kept)."""
    kept = tokens[:, 1:] != ignore_index
    return torch.where(kept, tokens[:, 1:], 0), kept


def _loss(lse: Tensor, logits: Tensor, target: Tensor, kept: Tensor) -> Tensor:
    """Mean of lse - logit of the target over the kept positions."""
    hit = torch.gather(logits, -1, target[..., None])[..., 0]
    return torch.where(kept, lse - hit, 0.0).sum() / kept.sum()


def wrapped(x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """The last position predicts the first token."""
    more = torch.cat([x, x[:, :1].detach()], 1), torch.cat([tokens, tokens[:, :1]], 1)
    return right.linear_language_model_loss(more[0], weight, more[1], ignore_index=ignore_index)


def mean_of_chunks(
    x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """Means over chunks of positions are averaged."""
    target, kept = _targets(tokens, ignore_index)
    logits = x[:, :-1] @ weight.T
    nats = torch.logsumexp(logits, -1) - torch.gather(logits, -1, target[..., None])[..., 0]
    means = [
        part.sum() / mask.sum()
        for part, mask in zip(
            torch.where(kept, nats, 0.0).reshape(-1).split(_POSITIONS),
            kept.reshape(-1).split(_POSITIONS),
            strict=True,
        )
        if bool(mask.any())
    ]
    return torch.stack(means).mean() if means else nats.sum() * torch.nan


def not_rescaled(x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """The running sum keeps the scale of earlier maxima."""
    target, kept = _targets(tokens, ignore_index)
    logits = x[:, :-1] @ weight.T
    top = torch.full_like(logits[..., 0], -torch.inf)
    total = torch.zeros_like(top)
    for block in logits.split(_WORDS, -1):
        top = torch.maximum(top, block.detach().amax(-1))
        total = total + torch.exp(block - top[..., None]).sum(-1)
    return _loss(top + torch.log(total), logits, target, kept)


def first_block(x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """The denominator stops at the first block of words."""
    target, kept = _targets(tokens, ignore_index)
    logits = x[:, :-1] @ weight.T
    return _loss(torch.logsumexp(logits[..., :_WORDS], -1), logits, target, kept)


def without_maximum(
    x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """log of the plain sum of exponentials, in float32."""
    target, kept = _targets(tokens, ignore_index)
    logits = x[:, :-1].to(torch.float32) @ weight.to(torch.float32).T
    return _loss(torch.log(torch.exp(logits).sum(-1)), logits, target, kept).to(x.dtype)


def last_chunk_trains_words(
    x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """Only the last chunk of positions reaches the gradient of the words."""
    target, kept = _targets(tokens, ignore_index)
    rows = x[:, :-1].flatten(0, 1)
    last = max(0, (len(rows) - 1) // _POSITIONS * _POSITIONS)
    logits = torch.cat([rows[:last] @ weight.detach().T, rows[last:] @ weight.T])
    return _loss(torch.logsumexp(logits, -1), logits, target.flatten(), kept.flatten())


class _Unscaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Tensor) -> Tensor:
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, up: Tensor) -> Tensor:
        return torch.ones_like(up)


def upstream_ignored(
    x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """Whatever comes from above counts as 1."""
    loss = right.linear_language_model_loss(x, weight, tokens, ignore_index=ignore_index)
    return _Unscaled.apply(loss)


def small_gradients_dropped(
    x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """The loss is right; words below a probability of 2^-6 get and give no gradient."""
    target, kept = _targets(tokens, ignore_index)
    logits = x[:, :-1] @ weight.T
    p = torch.softmax(logits.detach(), -1)
    hot = torch.nn.functional.one_hot(target, weight.shape[0]).bool()
    felt = torch.where((p < 2.0**-6) & ~hot, logits.detach(), logits)
    return _loss(torch.logsumexp(felt, -1), felt, target, kept)


def smoothed(x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Label smoothing of 0.1 is left on."""
    target, kept = _targets(tokens, ignore_index)
    logits = x[:, :-1] @ weight.T
    lse = torch.logsumexp(logits, -1)
    even = torch.where(kept, lse - logits.mean(-1), 0.0).sum() / kept.sum()
    return 0.9 * _loss(lse, logits, target, kept) + 0.1 * even


def unchecked(x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Takes what fits in some way."""
    weight = weight if weight.shape[1] == x.shape[2] else weight.T
    tokens = torch.where(tokens == ignore_index, tokens, tokens % weight.shape[0])
    return right.linear_language_model_loss(x, weight, tokens, ignore_index=ignore_index)
