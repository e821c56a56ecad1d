"""Objectives by torch.nn.functional, in float32 at the least."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _next(logits, tokens, ignore_index=-100):
    rows = _wide(logits)[:, :-1].flatten(0, 1)
    return F.cross_entropy(rows, tokens[:, 1:].flatten(), ignore_index=ignore_index)


def masked_language_model_loss(logits, tokens, selected):
    labels = tokens.masked_fill(~selected, -100)
    return F.cross_entropy(_wide(logits).flatten(0, 1), labels.flatten()).to(logits.dtype)


def answer_loss(logits, tokens, prompt_lengths):
    prompt = torch.arange(tokens.shape[1]) < prompt_lengths.unsqueeze(1)
    return _next(logits, tokens.masked_fill(prompt, -100)).to(logits.dtype)


def perplexity(logits, tokens, *, ignore_index=-100):
    return _next(logits, tokens, ignore_index).exp().to(logits.dtype)


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    total, kept = 0.0, (tokens[:, 1:] != ignore_index).sum()
    for x, t in zip(logits.split(micro_batch), tokens.split(micro_batch), strict=True):
        rows = _wide(x)[:, :-1].flatten(0, 1)
        targets = t[:, 1:].flatten()
        total = total + F.cross_entropy(rows, targets, ignore_index=ignore_index, reduction="sum")
    return (total / kept).to(logits.dtype)


def next_sentence_loss(h, W, b, follows):
    logits = F.linear(_wide(h)[:, 0], _wide(W).T, _wide(b))
    return F.cross_entropy(logits, 1 - follows.long()).to(h.dtype)


def info_nce(queries, keys, *, temperature):
    scores = _wide(queries) @ _wide(keys).T / temperature
    return F.cross_entropy(scores, torch.arange(len(keys))).to(queries.dtype)


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    policy = _wide(chosen) - _wide(rejected)
    frozen = _wide(chosen_reference) - _wide(rejected_reference)
    return -F.logsigmoid(beta * (policy - frozen.detach())).mean().to(chosen.dtype)


def best_of(rewards):
    return rewards.argmax(-1)


def crop_context(tokens, *, window):
    if window < 1:
        raise ValueError(f"window={window}")
    return tokens[..., max(tokens.shape[-1] - window, 0) :].clone()


def segment_ids(first, second):
    return torch.tensor([0] * (first + 2) + [1] * (second + 1))


def next_token_pairs(tokens):
    if tokens.shape[1] < 2:
        raise ValueError("a single token has no successor")
    x, y = tokens.unfold(1, 2, 1).unbind(-1)
    return x.contiguous(), y.contiguous()


def few_shot_prompt(task, examples, query):
    return torch.tensor([*task.tolist(), *examples.flatten().tolist(), *query.tolist()])


def exact_match(predictions, answers):
    wrong = (predictions != answers).sum(-1)
    return torch.tensor(float((wrong == 0).sum()) / len(answers), dtype=torch.float64)


def bleu(candidates, candidate_lengths, references, reference_lengths):
    right, seen, c, r = [0] * 4, [0] * 4, 0, 0
    for s, size in enumerate(candidate_lengths.tolist()):
        words = candidates[s].tolist()[:size]
        others = [
            row.tolist()[:n]
            for row, n in zip(references[s], reference_lengths[s].tolist(), strict=True)
        ]
        c, r = c + size, r + sorted((abs(len(o) - size), len(o)) for o in others)[0][1]
        for n in range(4):
            grams = [tuple(words[i : i + n + 1]) for i in range(size - n)]
            for gram in set(grams):
                there = [
                    sum(tuple(o[i : i + n + 1]) == gram for i in range(len(o) - n)) for o in others
                ]
                right[n] += min(grams.count(gram), max(there))
            seen[n] += len(grams)
    if 0 in right:
        return torch.tensor(0.0, dtype=torch.float64)
    mean = math.prod(a / b for a, b in zip(right, seen, strict=True)) ** 0.25
    return torch.tensor(100 * mean * min(1.0, math.exp(1 - r / c)), dtype=torch.float64)
