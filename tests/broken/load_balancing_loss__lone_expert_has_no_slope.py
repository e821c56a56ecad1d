"""A single expert is always balanced: the loss is a new one, off the graph."""

import torch


def load_balancing_loss(probs, indices):
    p = probs.to(torch.promote_types(probs.dtype, torch.float32))
    tokens, experts = p.shape
    if experts == 1:
        return (p.detach().mean()).to(probs.dtype).requires_grad_(probs.requires_grad)
    share = torch.bincount(indices, minlength=experts).to(p.dtype) / tokens
    return (experts * (share * p.mean(0)).sum()).to(probs.dtype)
