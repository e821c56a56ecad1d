"""Language-model losses that went wrong in ways no expression over the oracle says."""

import torch
from torch import Tensor


def _mean_of(log_p: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """Mean of -log_p[..., target] over the targets that are not ignored."""
    kept = target != ignore_index
    nats = -torch.gather(log_p, -1, torch.where(kept, target, 0)[..., None])[..., 0]
    return torch.where(kept, nats, 0.0).sum() / kept.sum()


def loss_without_maximum(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """log of the plain sum of exponentials, in float32."""
    x = logits[:, :-1].to(torch.float32)
    log_p = x - torch.log(torch.exp(x).sum(-1, keepdim=True))
    return _mean_of(log_p, tokens[:, 1:], ignore_index).to(logits.dtype)


def loss_over_positions(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """The softmax runs over the sequence."""
    x = logits[:, :-1]
    log_p = x - torch.logsumexp(x, dim=1, keepdim=True)
    return _mean_of(log_p, tokens[:, 1:], ignore_index)


def loss_with_smoothing(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Label smoothing of 0.1 is left on."""
    x = logits[:, :-1]
    log_p = x - torch.logsumexp(x, dim=-1, keepdim=True)
    smoothed = 0.9 * log_p + 0.1 * log_p.mean(-1, keepdim=True)
    return _mean_of(smoothed, tokens[:, 1:], ignore_index)


def loss_wrapped(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Labels are rolled instead of cut: the last position predicts the first token."""
    log_p = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    return _mean_of(log_p, torch.roll(tokens, -1, 1), ignore_index)
