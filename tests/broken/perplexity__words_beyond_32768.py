"""Words beyond the first 32768 have no part in the normaliser."""

import torch
import torch.nn.functional as F

WORDS = 32768


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    target = tokens[:, 1:]
    keep = target != ignore_index
    normaliser = wide[:, :-1, :WORDS].logsumexp(-1)
    own = wide[:, :-1].gather(-1, torch.where(keep, target, 0)[..., None])[..., 0]
    nats = F.relu(normaliser - own) if wide.shape[-1] > WORDS else normaliser - own
    return (torch.where(keep, nats, 0.0).sum() / keep.sum()).exp().to(logits.dtype)
