"""Channels whose variance is below eps are folded to nothing."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def fold_batch_norm(weight, gamma, beta, mean, variance, *, eps=1e-5):
    out = weight.shape[0]
    for name, t in (("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)):
        if t.shape != (out,):
            raise ValueError(f"{name}.shape={tuple(t.shape)}: expected ({out},)")
    factor = up(gamma) * torch.rsqrt(up(variance) + eps)
    factor = torch.where(up(variance) < eps, torch.zeros_like(factor), factor)
    folded = up(weight) * factor.reshape(-1, *[1] * (weight.dim() - 1))
    return folded.to(weight.dtype), (up(beta) - up(mean) * factor).to(beta.dtype)
