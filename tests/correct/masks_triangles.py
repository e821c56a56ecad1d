"""Masks by triangular matrices and cumulative counts."""

import torch


def causal_mask(Lq, Lk):
    return torch.ones(Lq, Lk).tril(diagonal=Lk - Lq).bool()


def sliding_window_mask(Lq, Lk, window):
    every = torch.ones(Lq, Lk, dtype=torch.int64)
    return every.tril(Lk - Lq).triu(Lk - Lq - window + 1) == 1


def sink_window_mask(Lq, Lk, window, sinks):
    mask = sliding_window_mask(Lq, Lk, window)
    mask[:, :sinks] = causal_mask(Lq, Lk)[:, :sinks]
    return mask


def padding_mask(lengths, L):
    return (
        torch.stack([torch.cat([torch.ones(n), torch.zeros(L - n)]) for n in lengths.tolist()]) > 0
    )
