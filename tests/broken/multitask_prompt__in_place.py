"""The shared prompt is multiplied in place: right once, spoilt for the next task."""

import torch


def multitask_prompt(prompt, u, v, tasks):
    outer = u[tasks].unsqueeze(2) * v[tasks].unsqueeze(1)
    out = (prompt * outer).clone()
    with torch.no_grad():
        prompt *= 1.5
    return out
