"""Illegal tokens get -1e4 instead of -infinity."""

import torch


def constrained_probabilities(logits, allowed):
    wide = torch.promote_types(logits.dtype, torch.float32)
    p = torch.softmax(logits.to(wide).masked_fill(~allowed, -1e4), -1)
    return (p * allowed.any(-1, keepdim=True)).to(logits.dtype)
