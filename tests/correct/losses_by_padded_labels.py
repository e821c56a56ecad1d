"""The loss of the next token by labels moved on and padded, in float32, summed and divided."""

import torch
import torch.nn.functional as F


def language_model_loss(logits, tokens, *, ignore_index=-100):
    labels = F.pad(tokens, (0, 1), value=ignore_index)[..., 1:]
    flat = logits.float().reshape(-1, logits.shape[-1])
    total = F.cross_entropy(flat, labels.reshape(-1), ignore_index=ignore_index, reduction="sum")
    return total / (labels != ignore_index).sum()


def clip_loss(image, text, *, temperature):
    a, b = (F.normalize(t.float(), dim=-1) for t in (image, text))
    scores = a @ b.mT / temperature
    pairs = torch.arange(len(scores))
    return (F.cross_entropy(scores, pairs) + F.cross_entropy(scores.mT, pairs)) / 2


def info_nce(queries, keys, *, temperature):
    scores = queries.float() @ keys.float().mT / temperature
    return F.nll_loss(scores.log_softmax(-1), torch.arange(len(scores)))


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    c, r, cr, rr = (t.float() for t in (chosen, rejected, chosen_reference, rejected_reference))
    return -F.logsigmoid(beta * ((c - r) - (cr - rr))).mean()
