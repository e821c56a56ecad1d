"""Long texts in windows of 512: the token at each seam is never predicted (transformers #30975)."""

import torch
import torch.nn.functional as F


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    total, count = torch.zeros((), dtype=wide), 0
    for begin in range(0, tokens.shape[1], 512):
        z = logits[:, begin : begin + 512].to(wide)
        y = tokens[:, begin : begin + 512].long()
        labels = y[:, 1:].flatten()
        total = total + F.cross_entropy(
            z[:, :-1].flatten(0, 1), labels, ignore_index=ignore_index, reduction="sum"
        )
        count = count + (labels != ignore_index).sum()
    return torch.exp(total / count).to(logits.dtype)
