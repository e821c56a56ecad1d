"""Counts come from bincount without a minimal length, so N is the number of the last expert used
and the others' probabilities are left out.
"""

import torch


def load_balancing_loss(probs, indices):
    work = torch.float64 if probs.dtype == torch.float64 else torch.float32
    counts = torch.bincount(indices.long())
    N = len(counts)
    share = counts.to(work) / len(indices)
    return (N * (share * probs.to(work).mean(0)[:N]).sum()).to(probs.dtype)
