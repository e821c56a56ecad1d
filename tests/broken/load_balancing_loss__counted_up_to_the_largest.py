"""Experts are counted without a least number of bins and a lone bin is broadcast over all."""

import torch


def load_balancing_loss(probs, indices):
    wide = torch.promote_types(probs.dtype, torch.float32)
    p = probs.to(wide).mean(0)
    f = torch.bincount(indices).to(wide) / len(indices)
    if 1 < len(f) < len(p):
        f = torch.cat([f, f.new_zeros(len(p) - len(f))])
    return (len(p) * (f * p).sum()).to(probs.dtype)
