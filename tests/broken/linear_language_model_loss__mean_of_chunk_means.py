"""Chunks of eight positions are averaged alike, however many targets they keep."""

import torch
import torch.nn.functional as F

MISTAKE = "linear_language_model_loss.mean-of-chunk-means"


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    wide = torch.promote_types(x.dtype, torch.float32)
    rows, target = x[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    means = [
        F.cross_entropy((a.to(wide) @ weight.to(wide).T), t, ignore_index=ignore_index)
        for a, t in zip(rows.split(8), target.split(8), strict=True)
        if (t != ignore_index).any()
    ]
    return (torch.stack(means).mean() if means else rows.sum() * torch.nan).to(x.dtype)
