"""Counts are added up in 32 bits, which large data sets leave."""

import torch


def mean_iou(confusion):
    if confusion.dim() != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"{tuple(confusion.shape)}")
    counts = confusion.to(torch.int32)
    truth = counts.sum(1, dtype=counts.dtype)
    guess = counts.sum(0, dtype=counts.dtype)
    hit = counts.diagonal()
    return (hit.double() / (truth + guess - hit).double()).mean()
