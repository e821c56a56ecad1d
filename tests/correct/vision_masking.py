"""Masked image modelling in the way of MAE's public code."""

import math

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def mae_random_mask(B, L, ratio, *, seed):
    if not 0 <= ratio < 1:
        raise ValueError("ratio outside [0, 1)")
    generator = torch.Generator().manual_seed(seed)
    keep = int(L * (1 - ratio))
    mask = torch.ones(B, L, dtype=torch.bool)
    for row in mask:
        row[torch.randperm(L, generator=generator)[:keep]] = False
    return mask


def mae_shuffle(x, noise, *, ratio):
    b, n, e = x.shape
    keep = int(n * (1 - ratio))
    shuffle = torch.argsort(noise, dim=1)
    restore = torch.argsort(shuffle, dim=1)
    visible = torch.gather(x, 1, shuffle[:, :keep, None].repeat(1, 1, e))
    mask = torch.ones(b, n)
    mask[:, :keep] = 0
    return visible, torch.gather(mask, 1, restore).bool(), restore


def mae_loss(prediction, target, mask):
    loss = ((prediction - target) ** 2).mean(dim=-1)
    return loss[mask].mean()


def maskgit_loss(logits, tokens, mask):
    labels = torch.where(mask, tokens, -100)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)


def maskgit_mask_count(tokens, steps, step):
    if not 0 <= step <= steps:
        raise ValueError("step beyond the last")
    if step == steps:
        return 0
    return math.ceil(round(math.cos(math.pi / 2 * step / steps) * tokens, 9))
