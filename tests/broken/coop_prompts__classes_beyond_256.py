"""Classes are numbered in a byte."""

import torch


def coop_prompts(context, names):
    C = len(names)
    at = torch.arange(C) % 256
    own = context.expand(C, -1, -1) if context.dim() == 2 else context[at]
    return torch.cat([own, names[at]], 1)
