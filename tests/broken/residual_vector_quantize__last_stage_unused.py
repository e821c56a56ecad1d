"""range(1, Q): the last codebook is never reached when there are several."""

import torch


def residual_vector_quantize(x, codebooks):
    wide = torch.promote_types(x.dtype, torch.float32)
    left, total, ids = x.to(wide), torch.zeros_like(x, dtype=wide), []
    for n, book in enumerate(codebooks.to(wide)):
        i = (left[..., None, :] - book).detach().square().sum(-1).argmin(-1)
        if n == 0 or n < codebooks.shape[0] - 1:
            total, left = total + book[i], left - book[i].detach()
        ids.append(i)
    return torch.stack(ids, -1), (x.to(wide) + (total - x.to(wide)).detach()).to(x.dtype)
