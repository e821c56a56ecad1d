"""The mean of the sequences' perplexities instead of the perplexity of the mean."""

import torch
import torch.nn.functional as F


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    each = [
        F.cross_entropy(a[:-1], t[1:], ignore_index=ignore_index)
        for a, t in zip(logits.to(wide), tokens, strict=False)
    ]
    return torch.stack(each).exp().mean().to(logits.dtype)
