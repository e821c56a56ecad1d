"""MAE's loss and what is read off token maps as eager code has them, rounded at every step."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def mae_loss(prediction, target, mask):
    loss = ((prediction - target) ** 2).mean(-1)
    m = mask.to(loss.dtype)
    return (loss * m).sum() / m.sum()


def patch_norms(tokens, *, first_patch=1):
    if first_patch > tokens.shape[1]:
        raise ValueError("no such token")
    return torch.linalg.vector_norm(tokens[:, first_patch:], dim=-1)


def neighbour_similarity(x):
    down = F.cosine_similarity(x[:, 1:], x[:, :-1], dim=-1, eps=0)
    across = F.cosine_similarity(x[:, :, 1:], x[:, :, :-1], dim=-1, eps=0)
    total, count = torch.zeros_like(x[..., 0]), torch.zeros_like(x[..., 0])
    for sums, down_, across_ in ((total, down, across), (count, 1, 1)):
        sums[:, 1:] += down_
        sums[:, :-1] += down_
        sums[:, :, 1:] += across_
        sums[:, :, :-1] += across_
    return total / count
