"""Distances beyond 256 read the score of the farthest kept one."""

import torch


def relative_shift(scores):
    T = scores.shape[2]
    distance = torch.arange(T) - torch.arange(T)[:, None]
    distance = distance.clamp(-256, 256)
    index = (T - 1 + distance).expand(*scores.shape[:2], T, T)
    return torch.gather(scores, 3, index)
