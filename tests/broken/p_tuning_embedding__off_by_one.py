"""Placeholder ids are counted from one, so that every row of the prompt is the next one."""

import torch

MISTAKE = "p_tuning_embedding.off-by-one"


def p_tuning_embedding(tokens, table, prompt):
    rows = prompt[(tokens - table.shape[0] + 1).clamp(min=0) % prompt.shape[0]]
    words = table[tokens.clamp(max=table.shape[0] - 1)]
    return torch.where((tokens < table.shape[0]).unsqueeze(-1), words, rows)
