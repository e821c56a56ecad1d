"""Wrong objectives and their data, as people have written them."""

import math

import torch
from torch import Tensor

from conform_reference import objective as right
from conform_reference._check import compute_dtype
from conform_reference.loss import language_model_loss

Pairs = tuple[Tensor, Tensor, Tensor]


def masked_loss_by_rows(logits: Tensor, tokens: Tensor, selected: Tensor) -> Tensor:
    """The mean of the sequences' means; empty ones are left out."""
    rows = [
        right.masked_language_model_loss(logits[b : b + 1], tokens[b : b + 1], selected[b : b + 1])
        for b in range(len(tokens))
        if bool(selected[b].any())
    ]
    return torch.stack(rows).mean() if rows else logits.sum() * torch.nan


def next_sentence_sigmoid(h: Tensor, W: Tensor, b: Tensor, follows: Tensor) -> Tensor:
    """The other class does not compete."""
    logits = h[:, 0] @ W + b
    own = torch.where(follows, logits[:, 0], logits[:, 1]).to(compute_dtype(h))
    return torch.nn.functional.softplus(-own).mean().to(h.dtype)


def pairs_from_anywhere(lengths: Tensor, *, pairs: int, seed: int) -> Pairs:
    """Negatives are drawn from all sentences."""
    first, second, follows = right.next_sentence_pairs(lengths, pairs=pairs, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    other = torch.randint(int(lengths.sum()), (pairs,), generator=generator)
    return first, torch.where(follows, second, other), follows


def pairs_across_documents(lengths: Tensor, *, pairs: int, seed: int) -> Pairs:
    """Document ends are not looked at when the successor is taken."""
    _, second, follows = right.next_sentence_pairs(lengths, pairs=pairs, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    first = torch.randint(int(lengths.sum()) - 1, (pairs,), generator=generator)
    return first, torch.where(follows, first + 1, second), follows


def pairs_all_positive(lengths: Tensor, *, pairs: int, seed: int) -> Pairs:
    """The coin always falls the same way."""
    first, _, follows = right.next_sentence_pairs(lengths, pairs=pairs, seed=seed)
    return first, first + 1, torch.ones_like(follows)


def span_independent(
    length: int, *, density: float = 0.15, mean_span: float = 3.0, seed: int
) -> Tensor:
    """Every token by chance."""
    return torch.rand(length, generator=torch.Generator().manual_seed(seed)) < density


def span_single(length: int, *, density: float = 0.15, mean_span: float = 3.0, seed: int) -> Tensor:
    """The right number of tokens in one span."""
    noise = min(max(round(length * density), 1), length - 1)
    start = seed % (length - noise + 1)
    place = torch.arange(length)
    return (place >= start) & (place < start + noise)


def _corrupt(tokens: Tensor, noise: Tensor, kind: str, sentinel: int) -> tuple[Tensor, Tensor]:
    inputs: list[int] = []
    targets: list[int] = []
    before, following = False, sentinel
    step = {"same": 0, "up": 1}.get(kind, -1)
    for token, lost in zip(tokens.tolist(), noise.tolist(), strict=True):
        if lost and (not before or kind == "each"):
            if kind != "bare":
                inputs.append(following)
            targets.append(following)
            following += step
        (targets if lost else inputs).append(token)
        before = lost
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor([*targets, following])


def span_sentinel_per_token(
    tokens: Tensor, noise: Tensor, *, sentinel: int
) -> tuple[Tensor, Tensor]:
    """Runs are not merged."""
    return _corrupt(tokens, noise, "each", sentinel)


def span_same_sentinel(tokens: Tensor, noise: Tensor, *, sentinel: int) -> tuple[Tensor, Tensor]:
    """One mask token for all spans."""
    return _corrupt(tokens, noise, "same", sentinel)


def span_counts_up(tokens: Tensor, noise: Tensor, *, sentinel: int) -> tuple[Tensor, Tensor]:
    """The ids rise, out of the vocabulary."""
    return _corrupt(tokens, noise, "up", sentinel)


def span_without_sentinels(
    tokens: Tensor, noise: Tensor, *, sentinel: int
) -> tuple[Tensor, Tensor]:
    """Noise is dropped from the inputs without a trace."""
    return _corrupt(tokens, noise, "bare", sentinel)


def _token_nats(logits: Tensor, tokens: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    kept = tokens[:, 1:] != ignore_index
    log_p = torch.log_softmax(logits[:, :-1].to(compute_dtype(logits)), -1)
    target = torch.where(kept, tokens[:, 1:], 0).unsqueeze(-1)
    return -log_p.gather(-1, target).squeeze(-1), kept


def perplexity_of_tokens(logits: Tensor, tokens: Tensor, *, ignore_index: int = -100) -> Tensor:
    """The mean of 1 / p."""
    nats, kept = _token_nats(logits, tokens, ignore_index)
    return (torch.where(kept, nats.exp(), 0.0).sum() / kept.sum()).to(logits.dtype)


def _pieces(logits: Tensor, tokens: Tensor, size: int, ignore_index: int) -> list[Tensor]:
    starts = range(0, len(tokens), size)
    return [
        language_model_loss(logits[i : i + size], tokens[i : i + size], ignore_index=ignore_index)
        for i in starts
    ]


def accumulated_mean_of_means(
    logits: Tensor, tokens: Tensor, *, micro_batch: int, ignore_index: int = -100
) -> Tensor:
    """Every micro-batch weighs the same; empty ones are left out."""
    losses = torch.stack(_pieces(logits, tokens, micro_batch, ignore_index))
    fine = ~torch.isnan(losses)
    return torch.where(fine, losses, 0.0).sum() / fine.sum()


def accumulated_sum(
    logits: Tensor, tokens: Tensor, *, micro_batch: int, ignore_index: int = -100
) -> Tensor:
    """backward() after each micro-batch, without dividing."""
    losses = torch.stack(_pieces(logits, tokens, micro_batch, ignore_index))
    return torch.where(torch.isnan(losses), 0.0, losses).sum()


def accumulated_drops_last(
    logits: Tensor, tokens: Tensor, *, micro_batch: int, ignore_index: int = -100
) -> Tensor:
    """drop_last=True."""
    whole = max(len(tokens) // micro_batch * micro_batch, 1)
    return right.accumulated_loss(
        logits[:whole], tokens[:whole], micro_batch=micro_batch, ignore_index=ignore_index
    )


def accumulated_nan(
    logits: Tensor, tokens: Tensor, *, micro_batch: int, ignore_index: int = -100
) -> Tensor:
    """0 / 0 of a micro-batch without targets, times a weight of 0."""
    losses = torch.stack(_pieces(logits, tokens, micro_batch, ignore_index))
    kept = tokens[:, 1:] != ignore_index
    counts = torch.stack([piece.sum() for piece in kept.split(micro_batch)])
    return (losses * (counts / counts.sum())).sum().to(logits.dtype)


def accumulated_last_only(
    logits: Tensor, tokens: Tensor, *, micro_batch: int, ignore_index: int = -100
) -> Tensor:
    """zero_grad() stands inside of the loop."""
    return _pieces(logits, tokens, micro_batch, ignore_index)[-1]


def nce_without_positive(queries: Tensor, keys: Tensor, *, temperature: float) -> Tensor:
    """The denominator sums over the negatives only."""
    scores = (queries @ keys.T).to(compute_dtype(queries)) / temperature
    own = torch.eye(len(scores), dtype=torch.bool)
    others = torch.logsumexp(scores.masked_fill(own, -math.inf), -1)
    return (others - scores.diagonal()).mean().to(queries.dtype)


def dpo_log_sigmoid(
    chosen: Tensor, rejected: Tensor, chosen_reference: Tensor, rejected_reference: Tensor, *,
    beta: float,
) -> Tensor:  # fmt: skip
    """-log(sigmoid(x)) in float32: infinite below -104."""
    margin = beta * ((chosen - chosen_reference) - (rejected - rejected_reference)).float()
    return -torch.log(torch.sigmoid(margin)).mean().to(chosen.dtype)


def _bleu(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor,
    *, orders: int = 4, clip: bool = True, penalty: bool = True, arithmetic: bool = False,
    inverted: bool = False,
) -> Tensor:  # fmt: skip
    """The score with one part changed."""
    matched, possible, ours, theirs = [0] * orders, [0] * orders, 0, 0
    for s, length in enumerate(candidate_lengths.tolist()):
        words, sizes = candidates[s, :length].tolist(), reference_lengths[s].tolist()
        others = [references[s, r, :n].tolist() for r, n in enumerate(sizes)]
        ours += length
        theirs += min(sizes, key=lambda n, own=length: (abs(n - own), n))  # type: ignore[misc]
        for n in range(1, orders + 1):
            grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
            known = [[tuple(o[i : i + n]) for i in range(len(o) - n + 1)] for o in others]
            for gram in set(grams):
                most = max(o.count(gram) for o in known)
                own = grams.count(gram)
                matched[n - 1] += min(own, most) if clip else own * (most > 0)
            possible[n - 1] += len(grams)
    short = math.exp(min(0.0, 1 - theirs / ours)) if penalty and ours else 1.0
    short = 1 / short if inverted else short
    p = [m / max(n, 1) for m, n in zip(matched, possible, strict=True)]
    mean = sum(p) / orders if arithmetic else math.prod(p) ** (1 / orders)
    return torch.tensor(100 * short * mean, dtype=torch.float64)


def bleu_sentence_average(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor
) -> Tensor:
    """Each sentence has a score of its own."""
    whole = (candidates, candidate_lengths, references, reference_lengths)
    scores = [_bleu(*(x[s : s + 1] for x in whole)) for s in range(len(candidates))]
    return torch.stack(scores).mean()


def bleu_not_clipped(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor
) -> Tensor:
    """A word that occurs in a reference counts as often as it is said."""
    return _bleu(candidates, candidate_lengths, references, reference_lengths, clip=False)


def bleu_without_penalty(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor
) -> Tensor:
    """Short candidates are not punished."""
    return _bleu(candidates, candidate_lengths, references, reference_lengths, penalty=False)


def bleu_arithmetic(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor
) -> Tensor:
    """The mean of the four precisions."""
    return _bleu(candidates, candidate_lengths, references, reference_lengths, arithmetic=True)


def bleu_two_orders(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor
) -> Tensor:
    """Words and pairs of words only."""
    return _bleu(candidates, candidate_lengths, references, reference_lengths, orders=2)


def bleu_penalty_inverted(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor
) -> Tensor:
    """Short candidates are rewarded."""
    return _bleu(candidates, candidate_lengths, references, reference_lengths, inverted=True)
