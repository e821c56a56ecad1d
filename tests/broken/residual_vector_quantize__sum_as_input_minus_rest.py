"""The sum of the codes is made as the input less what is left, in the dtype (soundstream-pytorch
issue 2).
"""

import torch


def residual_vector_quantize(x, codebooks):
    if codebooks.shape[0] < 1 or codebooks.shape[1] < 1 or x.shape[-1] != codebooks.shape[2]:
        raise ValueError("codebooks and x do not fit")
    wide = torch.promote_types(x.dtype, torch.float32)
    rest, indices = x.detach().to(wide), []
    for book in codebooks.detach().to(wide):
        indices.append((rest[..., None, :] - book).square().sum(-1).argmin(-1))
        rest = rest - book[indices[-1]]
    return torch.stack(indices, -1), x - rest.to(x.dtype)
