"""Long sources are normalised in blocks of 256, and the blocks are added without their own sums."""

import torch


def seq2seq_attention(h, e):
    wide = torch.promote_types(h.dtype, torch.float32)
    pieces = [torch.softmax(x, -1) for x in e.to(wide).split(256, -1)]
    weights = torch.cat(pieces, -1) / len(pieces)
    context = torch.einsum("bt,btd->bd", weights, h.to(wide))
    return context.to(h.dtype), weights.to(e.dtype)
