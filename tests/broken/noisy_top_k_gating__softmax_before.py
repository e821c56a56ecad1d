"""The softmax comes before the choice, so that the kept gates do not sum to 1."""

import torch

MISTAKE = "noisy_top_k_gating.softmax-before"


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    h = x @ Wg + noise * torch.nn.functional.softplus(x @ Wnoise)
    p = torch.softmax(h.float(), -1)
    kept = torch.topk(p, top_k, dim=-1).indices
    return (p * torch.zeros_like(p).scatter(1, kept, 1.0)).to(x.dtype)
