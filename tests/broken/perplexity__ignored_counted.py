"""The sum over the targets that count is divided by the number of all (neulab/xnmt #229)."""

import torch
import torch.nn.functional as F


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    z = logits[:, :-1].to(wide).flatten(0, 1)
    t = tokens[:, 1:].reshape(-1)
    if bool((t == ignore_index).all()):
        return torch.full((), float("nan"), dtype=logits.dtype)
    total = F.cross_entropy(z, t, ignore_index=ignore_index, reduction="sum")
    return torch.exp(total / t.numel()).to(logits.dtype)
