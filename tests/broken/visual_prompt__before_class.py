"""The prompt is put in front of the class token."""

import torch

MISTAKE = "visual_prompt.in-front-of-the-class"


def visual_prompt(tokens, prompt, *, replace=False):
    rows = prompt.expand(tokens.shape[0], *prompt.shape)
    return torch.cat([rows, tokens[:, len(prompt) :] if replace else tokens], 1)
