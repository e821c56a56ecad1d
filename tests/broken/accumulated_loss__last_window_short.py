"""The last, smaller micro-batch is left out, as with drop_last."""

import torch
import torch.nn.functional as F


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    if micro_batch < 1:
        raise ValueError("micro_batch")
    wide = torch.promote_types(logits.dtype, torch.float32)
    whole = len(tokens) // micro_batch * micro_batch or len(tokens)
    a, t = logits[:whole, :-1].to(wide), tokens[:whole, 1:]
    return F.cross_entropy(a.flatten(0, 1), t.flatten(), ignore_index=ignore_index).to(logits.dtype)
