"""The first element's task decides for the whole batch."""

import torch

MISTAKE = "mixed_prompts.one-prompt-for-all"


def mixed_prompts(embeddings, prompts, tasks):
    rows = prompts[tasks[:1]].expand(embeddings.shape[0], *prompts.shape[1:])
    return torch.cat([rows, embeddings], 1)
