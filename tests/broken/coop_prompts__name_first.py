"""The class name comes before the context."""

import torch

MISTAKE = "coop_prompts.names-first"


def coop_prompts(context, names):
    if context.dim() == 2:
        context = context.expand(len(names), *context.shape)
    return torch.cat([names, context], 1)
