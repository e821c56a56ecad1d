"""Data of the objectives: corruption, pairs, prompts, and how answers are scored. Integers only."""

import itertools
from collections import Counter

import torch
from torch import Tensor

from conform_reference import _check


def next_token_pairs(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets of next-token prediction: int[B,L] -> (int[B,L-1], int[B,L-1]).

    Raises ValueError for fewer than two tokens. Source: Radford et al. 2018, eq. 1.
    """
    _check.at_least("tokens.shape[-1]", tokens.shape[-1], 2)
    return tokens[..., :-1].clone(), tokens[..., 1:].clone()


def crop_context(tokens: Tensor, *, window: int) -> Tensor:
    """The last `window` ids of each row, or all of a shorter one: int[B,L] -> int[B,min(L,window)].

    Raises ValueError for a window below 1. Source: Radford et al. 2018, eq. 1 (context size k).
    """
    _check.at_least("window", window, 1)
    return tokens[..., -window:].clone()


def segment_ids(first: int, second: int) -> Tensor:
    """0 for [CLS] A [SEP], 1 for B [SEP]: lengths of A and B -> int64[first + second + 3].

    Raises ValueError for lengths below 1. Source: Devlin et al. 2018, figure 2.
    """
    _check.at_least("first", first, 1)
    _check.at_least("second", second, 1)
    return (torch.arange(first + second + 3) >= first + 2).long()


def next_sentence_pairs(lengths: Tensor, *, pairs: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sentence pairs for next-sentence prediction: lengths int[D], the sentences of each document,
    counted through -> (first int64[pairs], second int64[pairs], follows bool[pairs]).

    A fair coin decides: the successor in the same document, or a sentence of another document.
    Raises ValueError unless some document has two sentences and there are two documents.
    Source: Devlin et al. 2018, section 3.1 and appendix A.1.
    """
    documents = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    starts = (documents[1:] == documents[:-1]).nonzero()[:, 0]
    if not len(starts) or int((lengths > 0).sum()) < 2:
        raise ValueError(
            f"lengths={lengths.tolist()}: expected two documents, one of them with two sentences; "
            f"add some"
        )
    generator = torch.Generator().manual_seed(seed)
    first = starts[torch.randint(len(starts), (pairs,), generator=generator)]
    follows = torch.rand(pairs, generator=generator) < 0.5
    others = documents.unsqueeze(0) != documents[first].unsqueeze(1)
    noise = torch.rand(pairs, len(documents), generator=generator)
    random = torch.where(others, noise, -1.0).argmax(-1)
    return first, torch.where(follows, first + 1, random), follows


def span_mask(length: int, *, density: float = 0.15, mean_span: float = 3.0, seed: int) -> Tensor:
    """T5's noise: round(length * density) tokens in round(that / mean_span) spans -> bool[length].

    At least one token and one span, never all tokens; the sequence starts with a span of kept ones.
    Raises ValueError for fewer than two tokens and a density outside (0, 1).
    Source: Raffel et al. 2020, arXiv:1910.10683, section 3.3.4.
    """
    _check.at_least("length", length, 2)
    if not 0 < density < 1 or not mean_span >= 1:
        raise ValueError(
            f"density={density}, mean_span={mean_span}: expected a density inside (0, 1) and spans "
            f"of at least 1; 0.15 and 3.0 are usual"
        )
    noise = min(max(round(length * density), 1), length - 1)
    spans = min(max(round(noise / mean_span), 1), noise, length - noise)
    generator = torch.Generator().manual_seed(seed)

    def pieces(total: int) -> list[int]:
        cuts = torch.randperm(total - 1, generator=generator)[: spans - 1] + 1
        bounds = [0, *sorted(cuts.tolist()), total]
        return [b - a for a, b in itertools.pairwise(bounds)]

    mask = []
    for kept, lost in zip(pieces(length - noise), pieces(noise), strict=True):
        mask += [False] * kept + [True] * lost
    return torch.tensor(mask)


def span_corrupt(tokens: Tensor, noise: Tensor, *, sentinel: int) -> tuple[Tensor, Tensor]:
    """Each run of noise becomes one sentinel; the targets are the sentinels, each followed by what
    it stands for, and a last one: tokens int[L], noise bool[L] -> (inputs int64[*], targets
    int64[*]). Sentinels count down from `sentinel`.

    Raises ValueError for shapes that differ. Source: Raffel et al. 2020, section 3.1.4, figure 2;
    the final sentinel is that of the figure's <Z>.
    """
    if tokens.dim() != 1 or noise.shape != tokens.shape:
        raise ValueError(
            f"tokens.shape={tuple(tokens.shape)}, noise.shape={tuple(noise.shape)}: expected one "
            f"sequence and a mask of its length"
        )
    inputs: list[int] = []
    targets: list[int] = []
    before, following = False, sentinel
    for token, lost in zip(tokens.tolist(), noise.tolist(), strict=True):
        if lost and not before:
            inputs.append(following)
            targets.append(following)
            following -= 1
        (targets if lost else inputs).append(token)
        before = lost
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor([*targets, following])


def few_shot_prompt(task: Tensor, examples: Tensor, query: Tensor) -> Tensor:
    """[task; example 1; ...; example k; query] as one row: int[a], int[k,m], int[b] ->
    int64[a + k m + b]; k = 0 is zero-shot. Source: Brown et al. 2020, arXiv:2005.14165, fig. 2.1.
    """
    _check.rank("examples", examples, "k m")
    return torch.cat([task.long(), examples.long().reshape(-1), query.long()])


def exact_match(predictions: Tensor, answers: Tensor) -> Tensor:
    """Fraction of rows that are right in every place: int[B,L] twice -> scalar.

    Raises ValueError for shapes that differ and without rows. Source: Rajpurkar et al. 2016.
    """
    if predictions.shape != answers.shape or predictions.dim() != 2 or not len(answers):
        raise ValueError(
            f"predictions.shape={tuple(predictions.shape)}, answers.shape={tuple(answers.shape)}: "
            f"expected [B, L] twice, with rows; pad both alike"
        )
    return (predictions == answers).all(-1).double().mean()


def _grams(words: list[int], n: int) -> Counter[tuple[int, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(
    candidates: Tensor, candidate_lengths: Tensor, references: Tensor, reference_lengths: Tensor
) -> Tensor:
    """100 BP exp(mean over n = 1..4 of log p_n) of a corpus, in float64: candidates int[S,C] with
    lengths int[S], references int[S,R,W] with lengths int[S,R] -> scalar.

    p_n counts matches clipped by the best reference, over the corpus; BP = min(1, exp(1 - r / c)),
    r the sum of the reference lengths nearest to the candidates' (the shorter of two). Zero without
    a match of some order. Source: Papineni et al. 2002, section 2.3, unsmoothed.
    """
    matched, possible, ours, theirs = [0] * 4, [0] * 4, 0, 0
    for s, length in enumerate(candidate_lengths.tolist()):
        words = candidates[s, :length].tolist()
        lengths = reference_lengths[s].tolist()
        others = [references[s, r, :size].tolist() for r, size in enumerate(lengths)]
        ours += length
        theirs += min(lengths, key=lambda size, own=length: (abs(size - own), size))  # type: ignore[misc]
        for n in range(4):
            best: Counter[tuple[int, ...]] = Counter()
            for other in others:
                best |= _grams(other, n + 1)
            own_grams = _grams(words, n + 1)
            matched[n] += sum((own_grams & best).values())
            possible[n] += sum(own_grams.values())
    if min(matched) == 0:
        return torch.zeros((), dtype=torch.float64)
    counts = torch.tensor([matched, possible], dtype=torch.float64)
    precision = torch.log(counts[0] / counts[1]).mean()
    return 100 * torch.exp(precision + min(0.0, 1 - theirs / ours))
