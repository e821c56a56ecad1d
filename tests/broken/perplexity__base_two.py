"""Two to the power of nats."""

import torch
import torch.nn.functional as F


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    loss = F.cross_entropy(
        logits[:, :-1].to(wide).flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=ignore_index
    )
    return torch.exp2(loss).to(logits.dtype)
