"""The residual between stages is kept in bfloat16."""

import torch


def residual_vector_quantize(x, codebooks):
    wide = torch.promote_types(x.dtype, torch.float32)
    r = x.detach().to(wide)
    total, codes = torch.zeros_like(r), []
    for c in codebooks.detach().to(wide):
        i = (r[..., None, :] - c).square().sum(-1).argmin(-1)
        codes.append(i)
        total = total + c[i]
        r = (r - c[i]).to(torch.bfloat16).to(wide)
    q = total.to(x.dtype)
    return torch.stack(codes, -1), x + (q - x.detach()) if x.requires_grad else q
