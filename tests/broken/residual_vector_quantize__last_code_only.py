"""The codes of earlier stages are overwritten instead of added up."""

import torch

MISTAKE = "residual_vector_quantize.last-code-only"


def residual_vector_quantize(x, codebooks):
    indices, residual, code = [], x.float(), None
    for book in codebooks:
        d = (residual.unsqueeze(-2) - book.float()).square().sum(-1)
        indices.append(d.argmin(-1))
        code = book[indices[-1]]
        residual = residual - code.float()
    return torch.stack(indices, -1), code
