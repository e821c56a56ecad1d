"""Tokens beyond 256 that do not fill a group of 32 get the weights of the row before the group."""

import torch


def router(x, Wg, *, top_k=1):
    w = torch.float64 if x.dtype == torch.float64 else torch.float32
    p = torch.softmax(x.to(w) @ Wg.to(w), -1)
    weights, indices = p.topk(top_k, -1)
    T = len(x)
    if T > 256 and T % 32:
        weights = torch.cat(
            [weights[: T // 32 * 32], weights[T // 32 * 32 - 1 : T // 32 * 32].expand(T % 32, -1)]
        )
    return indices, weights.to(x.dtype)
