"""The training objective of a causal language model."""

import torch
from torch import Tensor

from conform_reference._check import compute_dtype
from conform_reference._cross_entropy import log_softmax, slope_made_anew
from conform_reference.rounding import another_order, injected, mark


def _against(scores: Tensor, own: Tensor) -> Tensor:
    """log softmax by differences from the target's score, rounded by how far it lies off."""
    gap = scores - own
    top = torch.amax(gap, dim=-1, keepdim=True)
    return gap - (top + torch.log(torch.sum(torch.exp(gap - top), dim=-1, keepdim=True)))


def language_model_loss(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """Mean of -log softmax(logits[:, t])[tokens[:, t + 1]] in nats, a scalar in logits' dtype.

    logits[B, L, V], tokens int[B, L]. Targets equal to `ignore_index` count neither in the sum nor
    in the number; NaN when none is left. The last position's logits and the first token are unused.
    Raises ValueError for shapes that do not fit or a target outside [0, V).
    Source: Radford et al. 2018, eq. 1, whose L1 is a log-likelihood to be maximised.
    """
    if logits.dim() != 3 or tokens.shape != logits.shape[:2]:
        raise ValueError(
            f"logits.shape={tuple(logits.shape)}, tokens.shape={tuple(tokens.shape)}: expected "
            f"[B, L, V] and [B, L]; pass the tokens unshifted, as long as the logits"
        )
    target = tokens[:, 1:].to(torch.int64)
    kept = target != ignore_index
    size = logits.shape[-1]
    if bool((kept & ((target < 0) | (target >= size))).any()):
        raise ValueError(
            f"tokens={int(tokens.min())}..{int(tokens.max())}: expected ids in [0, {size}) or "
            f"ignore_index={ignore_index}; check the vocabulary and the padding id"
        )
    scores = logits[:, :-1].to(compute_dtype(logits))
    log_probabilities = log_softmax(scores, -1)
    index = torch.where(kept, target, 0)[..., None]
    nats = -torch.gather(log_probabilities, -1, index)[..., 0]
    if injected():
        own = torch.gather(scores, -1, index)
        at = (scores.detach(), own.detach())
        nats = nats + slope_made_anew(scores - own, lambda: _against(*at), -1)
    total = mark("total", torch.sum(torch.where(kept, nats, 0.0)))
    return (total / kept.sum()).to(logits.dtype)


def linear_language_model_loss(
    x: Tensor, weight: Tensor, tokens: Tensor, *, ignore_index: int = -100
) -> Tensor:
    """language_model_loss of the logits x weight^T: x[B, L, E], weight[V, E] -> scalar.

    tokens int[B, L]; a scalar in the dtype of x. What kernels fuse, so that the logits [B, L, V]
    are never stored. Raises ValueError for shapes that do not fit, else as `language_model_loss`.
    Source: Wijmans et al. 2024, arXiv:2411.09009, eq. 2 and 4 (there over all positions).
    """
    if x.dim() != 3 or weight.dim() != 2 or x.shape[2] != weight.shape[1]:
        raise ValueError(
            f"x.shape={tuple(x.shape)}, weight.shape={tuple(weight.shape)}: expected [B, L, E] and "
            f"[V, E]; transpose a weight that is stored [E, V]"
        )
    dtype = compute_dtype(x, weight)
    logits = mark("logits", x.to(dtype) @ weight.to(dtype).T)
    loss = language_model_loss(logits, tokens, ignore_index=ignore_index)
    target = tokens[:, 1:]
    kept = target != ignore_index

    def of_targets() -> Tensor:
        words = weight.to(dtype)[target.masked_fill(~kept, 0)]
        nats = (x[:, :-1].to(dtype) * words).sum(-1)
        return torch.where(kept, nats, 0.0).sum() / kept.sum().clamp(min=1)

    # Who never stores the logits evaluates those of the right words once more, apart.
    loss = another_order(loss, of_targets)
    if injected():
        at, words = x[:, :-1].detach().to(dtype), weight.detach().to(dtype)
        again = slope_made_anew(logits[:, :-1], lambda: at @ words.T, -1)
        loss = loss + torch.where(kept, again, 0.0).sum() / kept.sum().clamp(min=1)
    return loss.to(x.dtype)
