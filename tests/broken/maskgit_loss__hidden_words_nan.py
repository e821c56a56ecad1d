"""One-hot targets times log-probabilities: a word ruled out by -inf gives 0 times infinity."""

import torch
import torch.nn.functional as F


def maskgit_loss(logits, tokens, mask):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = torch.log_softmax(logits.to(wide), -1)
    nats = -(F.one_hot(tokens.long(), logits.shape[-1]).to(wide) * logp).sum(-1)
    return (torch.where(mask, nats, 0.0).sum() / mask.sum()).to(logits.dtype)
