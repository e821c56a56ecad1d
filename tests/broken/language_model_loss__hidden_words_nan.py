"""The log-probabilities are multiplied by the one-hot target: a word that is ruled out by -inf
gives 0 times infinity.
"""

import torch
import torch.nn.functional as F


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    logp = torch.log_softmax(logits[:, :-1].to(wide), -1)
    target = tokens[:, 1:]
    kept = target != ignore_index
    hot = F.one_hot(target.masked_fill(~kept, 0).long(), logits.shape[-1]).to(wide)
    nll = -(hot * logp).sum(-1).masked_fill(~kept, 0.0)
    return (nll.sum() / kept.sum()).to(logits.dtype)
