"""Token 0 is padding and gets no gradient."""

import torch.nn.functional as F


def embedding(tokens, table):
    return F.embedding(tokens, table, padding_idx=0)
