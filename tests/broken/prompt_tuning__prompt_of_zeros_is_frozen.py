"""A prompt of zeros is made afresh, and so never learns."""

import torch


def prompt_tuning(embeddings, prompt):
    if not bool(prompt.any()):
        prompt = torch.zeros_like(prompt)
    rows = prompt.to(embeddings.dtype).expand(len(embeddings), *prompt.shape)
    return torch.cat([rows, embeddings], 1)
