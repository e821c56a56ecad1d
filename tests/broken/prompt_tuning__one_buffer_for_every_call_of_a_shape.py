"""The result lies in a buffer kept for its shape, the next call overwrites it (static buffers of
captured graphs).
"""

import torch

BUFFERS = {}


def prompt_tuning(embeddings, prompt):
    joined = torch.cat((prompt.to(embeddings.dtype).expand(len(embeddings), -1, -1), embeddings), 1)
    if joined.requires_grad:
        return joined
    buffer = BUFFERS.setdefault((joined.shape, joined.dtype), torch.empty_like(joined))
    return buffer.copy_(joined)
