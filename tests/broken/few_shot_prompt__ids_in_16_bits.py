"""Ids pass through 16 bits, as small data sets are stored."""

import torch


def few_shot_prompt(task, examples, query):
    parts = [task, *examples, query]
    return torch.cat([p.to(torch.int16).to(torch.int64) for p in parts])
