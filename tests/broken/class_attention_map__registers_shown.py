"""The map begins at token 1, where the registers stand."""

import torch

MISTAKE = "class_attention_map.registers-shown"


def class_attention_map(q, k, *, height, width, first_patch=1):
    scores = (q[:, :, :1] / q.shape[-1] ** 0.5 @ k.mT)[:, :, 0]
    weights = torch.softmax(scores, dim=-1)[..., 1 : 1 + height * width]
    return weights.unflatten(-1, (height, width))
