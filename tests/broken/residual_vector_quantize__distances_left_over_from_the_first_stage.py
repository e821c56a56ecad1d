"""Norms of the codes are computed once, for the first stage, and serve the others too."""

import torch


def residual_vector_quantize(x, codebooks):
    wide = torch.promote_types(x.dtype, torch.float32)
    given, books = x.to(wide), codebooks.to(wide)
    left, indices = given.detach(), []
    norms = books.square().sum(-1)
    for book in books:
        scores = norms[0] - 2 * left @ book.T
        index = scores.argmin(-1)
        indices.append(index)
        left = left - book[index].detach()
    total = given.detach() - left
    return torch.stack(indices, -1), (given + (total - given).detach()).to(x.dtype)
