"""Losses that walk over the vocabulary in pieces, with backward passes of their own."""

import torch

CONFORM = {"dtypes": ["float32", "float64", "bfloat16", "float16"]}
PIECE = 7


def softplus(x):
    # By itself it leaves out what is below exp(-20), which float64 holds.
    return torch.nn.functional.softplus(x, threshold=40.0)


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, targets, keep):
        n, v = logits.shape
        wide = up(logits[:0]).dtype
        m = torch.full((n,), -torch.inf, dtype=wide)
        total = torch.zeros(n, dtype=wide)
        for a in range(0, v, PIECE):
            part = up(logits[:, a : a + PIECE])
            new = torch.maximum(m, part.amax(-1))
            total = total * torch.exp(m - new) + torch.exp(part - new[:, None]).sum(-1)
            m = new
        lse = m + total.log()
        picked = up(logits.gather(1, targets[:, None])[:, 0])
        count = keep.sum()
        ctx.save_for_backward(logits, targets, keep, lse, count)
        return (torch.where(keep, lse - picked, 0.0).sum() / count).to(logits.dtype)

    @staticmethod
    def backward(ctx, g):
        logits, targets, keep, lse, count = ctx.saved_tensors
        grad = torch.empty_like(logits)
        factor = torch.where(keep, up(g) / count, 0.0)[:, None]
        for a in range(0, logits.shape[1], PIECE):
            part = up(logits[:, a : a + PIECE])
            p = torch.exp(part - lse[:, None])
            hot = targets[:, None] == torch.arange(a, a + part.shape[1])
            grad[:, a : a + PIECE] = ((p - hot.to(p.dtype)) * factor).to(logits.dtype)
        return grad, None, None


def _mean(logits, targets, keep):
    if bool((keep & ((targets < 0) | (targets >= logits.shape[-1]))).any()):
        raise ValueError("a target lies outside of the vocabulary")
    return CrossEntropy.apply(logits, torch.where(keep, targets, 0), keep)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    if logits.shape[:2] != tokens.shape:
        raise ValueError("logits and tokens do not fit")
    targets = tokens[:, 1:].reshape(-1)
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    return _mean(flat, targets, targets != ignore_index)


def masked_language_model_loss(logits, tokens, selected):
    return _mean(logits.flatten(0, 1), tokens.flatten(), selected.flatten())


def maskgit_loss(logits, tokens, mask):
    return _mean(logits[mask], tokens[mask], torch.ones_like(tokens[mask], dtype=torch.bool))


def answer_loss(logits, tokens, prompt_lengths):
    place = torch.arange(1, tokens.shape[1])[None]
    keep = place >= prompt_lengths[:, None]
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    return _mean(flat, tokens[:, 1:].reshape(-1), keep.reshape(-1))


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = up(logits)
    return language_model_loss(wide, tokens, ignore_index=ignore_index).exp().to(logits.dtype)


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    targets = tokens[:, 1:].reshape(-1)
    rows = x[:, :-1].reshape(-1, x.shape[-1])
    keep = targets != ignore_index
    if bool((keep & ((targets < 0) | (targets >= weight.shape[0]))).any()):
        raise ValueError("a target lies outside of the vocabulary")
    rows, targets = rows[keep], targets[keep]
    wide = up(rows[:0]).dtype
    total = torch.zeros((), dtype=wide)
    for a in range(0, rows.shape[0], 16):
        part = torch.nn.functional.linear(up(rows[a : a + 16]), up(weight))
        total = total + torch.nn.functional.cross_entropy(
            part, targets[a : a + 16], reduction="sum"
        )
    return (total / keep.sum()).to(x.dtype)


def next_sentence_loss(h, W, b, follows):
    logits = torch.addmm(up(b), up(h[:, 0]), up(W))
    margin = logits[:, 1] - logits[:, 0]
    sign = torch.where(follows, 1.0, -1.0).to(margin.dtype)
    return softplus(margin * sign).mean().to(h.dtype)


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    if beta <= 0:
        raise ValueError("beta must be positive")
    gain = (up(chosen) - up(chosen_reference)) - (up(rejected) - up(rejected_reference))
    return softplus(-beta * gain).mean().to(chosen.dtype)


def info_nce(queries, keys, *, temperature):
    logits = up(queries) @ up(keys).T / temperature
    own = logits.diagonal()
    return (logits.logsumexp(1) - own).mean().to(queries.dtype)
