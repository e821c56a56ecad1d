"""The task is put before the examples: without any of them it is forgotten."""

import torch


def few_shot_prompt(task, examples, query):
    parts = [torch.cat([task, examples.flatten()])] if len(examples) else []
    return torch.cat([*parts, query]).long()
