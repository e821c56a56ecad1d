"""Losses over differences of scores: log(1 + sum exp(s_j - s_i)), logaddexp, shifted terms."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def info_nce(queries, keys, *, temperature):
    """The N-pair loss, row by row against the own score."""
    scores = _wide(queries) @ _wide(keys).T / temperature
    own = torch.eye(len(scores), dtype=torch.bool)
    others = (scores - scores.diagonal()[:, None]).masked_fill(own, -torch.inf)
    if len(scores) == 1:
        return (scores * 0).sum().to(queries.dtype)
    rows = torch.logsumexp(others, 1)
    return torch.logaddexp(rows, torch.zeros_like(rows)).mean().to(queries.dtype)


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    c, r, c0, r0 = (_wide(t) for t in (chosen, rejected, chosen_reference, rejected_reference))
    margin = beta * ((r - r0) - (c - c0))
    return torch.logaddexp(torch.zeros_like(c), margin).mean().to(chosen.dtype)


def distillation_loss(student, teacher, *, temperature=1.0):
    s, t = student.double() / temperature, teacher.double() / temperature
    gap = torch.logsumexp(s, -1) - torch.logsumexp(t, -1) + (torch.softmax(t, -1) * (t - s)).sum(-1)
    return (temperature**2 * gap.mean()).to(student.dtype)


def perplexity(logits, tokens, *, ignore_index=-100):
    targets = tokens[:, 1:].reshape(-1)
    rows, kept = logits[:, :-1].double().flatten(0, 1), targets != ignore_index
    rows, targets = rows[kept], targets[kept]
    if not len(targets):
        return (logits.sum() * 0 + torch.nan).to(logits.dtype)
    return torch.exp(torch.logsumexp(rows - rows.gather(1, targets[:, None]), 1).mean()).to(
        logits.dtype
    )
