"""The product with the codebook is computed in bfloat16, as autocast does it."""

import torch


def vector_quantize(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    flat, c = x.detach().to(wide).reshape(-1, x.shape[-1]), codebook.detach().to(wide)
    cross = (flat.to(torch.bfloat16) @ c.to(torch.bfloat16).T).to(wide)
    index = (c.square().sum(-1) - 2 * cross).argmin(-1).view(x.shape[:-1])
    code = codebook.detach()[index]
    return index, x + (code - x.detach()) if x.requires_grad else code
