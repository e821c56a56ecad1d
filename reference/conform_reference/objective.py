"""Training objectives besides next-token prediction, and how their data are made."""

import torch
from torch import Tensor

from conform_reference import _check
from conform_reference._cross_entropy import log_sigmoid
from conform_reference._objective_data import (
    bleu,
    crop_context,
    exact_match,
    few_shot_prompt,
    next_sentence_pairs,
    next_token_pairs,
    segment_ids,
    span_corrupt,
    span_mask,
)
from conform_reference.loss import language_model_loss
from conform_reference.rounding import another_order, decide, mark

__all__ = [
    "accumulated_loss",
    "answer_loss",
    "best_of",
    "bleu",
    "crop_context",
    "dpo_loss",
    "exact_match",
    "few_shot_prompt",
    "info_nce",
    "masked_language_model_loss",
    "next_sentence_loss",
    "next_sentence_pairs",
    "next_token_pairs",
    "perplexity",
    "segment_ids",
    "span_corrupt",
    "span_mask",
]


def masked_language_model_loss(logits: Tensor, tokens: Tensor, selected: Tensor) -> Tensor:
    """Mean of -log softmax(logits[b, t])[tokens[b, t]] over the selected positions, in nats.

    logits[B,L,V], original tokens int[B,L], selected bool[B,L] -> scalar; nothing is shifted. NaN
    when nothing is selected. Raises ValueError for shapes that do not fit.
    Source: Devlin et al. 2018, arXiv:1810.04805, section 3.1.
    """
    if selected.shape != tokens.shape:
        raise ValueError(
            f"selected.shape={tuple(selected.shape)}: expected {tuple(tokens.shape)}, as for tokens"
        )
    # The next-token loss with the targets moved on by one is the loss without a shift.
    targets = torch.cat([tokens[:, :1], torch.where(selected, tokens, -100)], 1)
    return language_model_loss(torch.cat([logits, logits[:, :1].detach()], 1), targets)


def answer_loss(logits: Tensor, tokens: Tensor, prompt_lengths: Tensor) -> Tensor:
    """Next-token loss over the answers only: targets before prompt_lengths[b] do not count.

    logits[B,L,V], tokens int[B,L], prompt_lengths int[B] -> scalar; NaN without any answer.
    Source: Touvron et al. 2023, arXiv:2307.09288, section 3.1 (prompt tokens have zero loss).
    """
    _check.same(
        "batch size", "len(tokens)", len(tokens), "len(prompt_lengths)", len(prompt_lengths)
    )
    answer = torch.arange(tokens.shape[1]) >= prompt_lengths.unsqueeze(1)
    return language_model_loss(logits, torch.where(answer, tokens, -100))


def perplexity(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """exp of the mean next-token loss in nats: logits[B,L,V], tokens int[B,L] -> scalar.

    Source: Jelinek et al. 1977; the loss is `language_model_loss`.
    """
    wide = logits.to(_check.compute_dtype(logits))
    loss = language_model_loss(wide, tokens, ignore_index=ignore_index)
    return torch.exp(mark("loss", loss)).to(logits.dtype)


def accumulated_loss(
    logits: Tensor, tokens: Tensor, *, micro_batch: int, ignore_index: int = -100
) -> Tensor:
    """The next-token loss put together from micro-batches of `micro_batch` sequences:
    sum_m n_m loss_m / sum_m n_m, n_m the targets that are not ignored -> scalar.

    Equal to the loss of the whole batch, with its gradient. Raises ValueError for micro_batch < 1.
    """
    _check.at_least("micro_batch", micro_batch, 1)
    wide = logits.to(_check.compute_dtype(logits))
    kept = (tokens[:, 1:] != ignore_index).sum()
    total = torch.zeros_like(wide[:0].sum())
    for start in range(0, len(tokens), micro_batch):
        piece = tokens[start : start + micro_batch]
        count = (piece[:, 1:] != ignore_index).sum()
        loss = language_model_loss(
            wide[start : start + micro_batch], piece, ignore_index=ignore_index
        )
        nats = torch.where(count > 0, mark("micro_loss", loss), 0.0)
        share = nats * count / kept
        total = mark("total", total + mark("share", share))
    return torch.where(kept > 0, total, torch.nan).to(logits.dtype)


def next_sentence_loss(h: Tensor, W: Tensor, b: Tensor, follows: Tensor) -> Tensor:
    """Mean of -log softmax(h[:, 0] W + b)[0 if the second sentence follows the first else 1].

    h[B,L,E] whose first position is [CLS], W[E,2], b[2], follows bool[B] -> scalar.
    Raises ValueError unless there are two classes.
    Source: Devlin et al. 2018, section 3.1; class 0 is IsNext, as in its code.
    """
    _check.rank("h", h, "B L E")
    _check.same("number of classes", "W.shape[1]", W.shape[1], "classes", 2)
    _check.same("batch size", "len(h)", len(h), "len(follows)", len(follows))
    _check.not_empty("L", h.shape[1])
    dtype = _check.compute_dtype(h, W, b)
    logits = mark("logits", mark("projected", h[:, 0].to(dtype) @ W.to(dtype)) + b.to(dtype))
    target = torch.where(follows, 0, 1)
    tokens = torch.stack([target, target], 1)
    return language_model_loss(torch.stack([logits, logits.detach()], 1), tokens).to(h.dtype)


def info_nce(queries: Tensor, keys: Tensor, *, temperature: float) -> Tensor:
    """Mean over i of -log softmax_j(q_i . k_j / temperature)[i], for q, k[B,E] -> scalar.

    Nothing is normalised here. Raises ValueError for shapes that differ and a temperature that is
    not positive. Source: van den Oord et al. 2018, arXiv:1807.03748, eq. 4.
    """
    if queries.shape != keys.shape or queries.dim() != 2:
        raise ValueError(
            f"queries.shape={tuple(queries.shape)}, keys.shape={tuple(keys.shape)}: expected "
            f"[B, E] twice; key i is the positive of query i"
        )
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}: expected a positive number; 0.07 is usual")
    _check.not_empty("B", len(queries))
    dtype = _check.compute_dtype(queries, keys)
    products = mark("products", queries.to(dtype) @ keys.to(dtype).transpose(0, 1))
    scores = mark("scores", products / temperature)
    own = torch.arange(len(queries)).unsqueeze(1).expand(-1, 2)

    def cost(rows: Tensor) -> Tensor:
        return language_model_loss(torch.stack([rows, rows.detach()], 1), own)

    def of_differences() -> Tensor:
        # log(1 + sum exp(s_j - s_i)), as the N-pair loss (Sohn 2016) has it: up to twice as large.
        return cost(scores - torch.diagonal(scores).unsqueeze(1))

    def of_pairs() -> Tensor:
        # Who never stores the scores evaluates those of the pairs once more, apart.
        return (queries.to(dtype) * keys.to(dtype)).sum(-1).mean() / temperature

    loss = another_order(cost(scores), of_differences)
    return another_order(loss, of_pairs).to(queries.dtype)


def dpo_loss(
    chosen: Tensor, rejected: Tensor, chosen_reference: Tensor, rejected_reference: Tensor, *,
    beta: float,
) -> Tensor:  # fmt: skip
    """Mean of -log sigmoid(beta ((chosen - chosen_reference) - (rejected - rejected_reference))).

    All are log-likelihoods [B] of whole answers, the last two the frozen model's -> scalar.
    Raises ValueError for shapes that differ and beta that is not positive.
    Source: Rafailov et al. 2023, arXiv:2305.18290, eq. 7.
    """
    given = (chosen, rejected, chosen_reference, rejected_reference)
    if any(x.shape != chosen.shape or x.dim() != 1 for x in given):
        raise ValueError(
            f"shapes={[tuple(x.shape) for x in given]}: expected [B] four times; sum the tokens' "
            f"log-likelihoods of each answer first"
        )
    if not beta > 0:
        raise ValueError(f"beta={beta}: expected a positive number; 0.1 is usual")
    dtype = _check.compute_dtype(*given)
    w, l_, w0, l0 = (x.to(dtype) for x in given)
    # The frozen model gets no gradient; either grouping of the four terms is as right.
    w0, l0 = w0.detach(), l0.detach()
    rewards = mark("chosen_reward", w - w0) - mark("rejected_reward", l_ - l0)
    margin = mark("margin", another_order(rewards, lambda: _margins(w, l_, w0, l0)))
    scaled = mark("scaled", beta * margin)
    losses = mark("losses", -log_sigmoid(scaled))
    return mark("total", losses.mean()).to(chosen.dtype)


def _margins(w: Tensor, l_: Tensor, w0: Tensor, l0: Tensor) -> Tensor:
    """The policy's margin less that of the reference model."""
    return mark("policy_margin", w - l_) - mark("reference_margin", w0 - l0)


def best_of(rewards: Tensor) -> Tensor:
    """Rejection sampling: the sample of highest reward, rewards[B,K] -> int64[B].

    Raises ValueError without samples. Source: Touvron et al. 2023, arXiv:2307.09288, section 3.2.3.
    """
    _check.rank("rewards", rewards, "B K")
    _check.at_least("samples", rewards.shape[1], 1)
    return decide("sample", rewards.to(_check.compute_dtype(rewards))).squeeze(-1)
