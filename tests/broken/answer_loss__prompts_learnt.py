"""Prompt tokens are targets like all others."""

import torch

MISTAKE = "answer_loss.prompts-learnt"


def answer_loss(logits, tokens, prompt_lengths):
    rows = logits[:, :-1].flatten(0, 1).float()
    return torch.nn.functional.cross_entropy(rows, tokens[:, 1:].flatten())
