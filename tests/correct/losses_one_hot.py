"""Cross entropy as the product of log-probabilities with one-hot targets, which takes no -inf."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def nats(logits, targets):
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return -(F.one_hot(targets, logits.shape[-1]) * wide.log_softmax(-1)).sum(-1)


def language_model_loss(logits, tokens, *, ignore_index=-100):
    kept = tokens[:, 1:] != ignore_index
    found = nats(logits[:, :-1], tokens[:, 1:].masked_fill(~kept, 0)) * kept
    return (found.sum() / kept.sum()).to(logits.dtype)


def masked_language_model_loss(logits, tokens, selected):
    return nats(logits[selected], tokens[selected]).mean().to(logits.dtype)


def maskgit_loss(logits, tokens, mask):
    return ((nats(logits, tokens) * mask).sum() / mask.sum()).to(logits.dtype)


def perplexity(logits, tokens):
    return nats(logits[:, :-1], tokens[:, 1:]).mean().exp().to(logits.dtype)
