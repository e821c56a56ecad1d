"""Prompts built in loops over classes and images, so that gradients add up use by use."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def coop_prompts(context, names):
    own = context if context.dim() == 3 else [context] * len(names)
    return torch.stack([torch.cat([c, name]) for c, name in zip(own, names, strict=True)])


def cocoop_prompts(image, context, names, W1, b1, W2, b2):
    B, C, (M, E), N = len(image), len(names), context.shape, names.shape[1]
    offsets = F.linear(F.relu(F.linear(image, W1.T, b1)), W2.T, b2)
    rows = [torch.cat([context + x, name]) for x in offsets for name in names]
    return torch.stack(rows).view(B, C, M + N, E) if rows else names.new_zeros(B, C, M + N, E)


def prompt_tuning(embeddings, prompt):
    if not len(embeddings):
        return torch.cat([prompt.expand(0, -1, -1), embeddings], 1)
    return torch.stack([torch.cat([prompt, x]) for x in embeddings])


def multitask_prompt(prompt, u, v, tasks):
    rows = [prompt * torch.outer(u[t], v[t]) for t in tasks.tolist()]
    return torch.stack(rows) if rows else prompt.new_zeros(0, *prompt.shape)
