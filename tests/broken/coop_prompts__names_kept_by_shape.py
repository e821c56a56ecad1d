"""The embeddings of class names are kept as buffers by their shape, as in checkpoints of another
vocabulary.
"""

import torch

_names = {}


def coop_prompts(context, names):
    key = (tuple(names.shape), names.dtype)
    suffix = _names.setdefault(key, names.detach().clone())
    own = suffix + (names - names.detach())
    front = context.to(names.dtype).expand(len(names), *context.shape[-2:])
    return torch.cat([front, own], 1)
