"""The exponentials overflow for small temperatures (CLIP scales up to 100 and, unclamped, beyond;
openai/CLIP #46).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def clip_loss(image, text, *, temperature):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = (t.to(wide) / t.to(wide).norm(dim=-1, keepdim=True) for t in (image, text))
    e = torch.exp(a @ b.T / temperature)
    hit = (a * b).sum(-1) / temperature
    loss = torch.log(e.sum(1)).mean() + torch.log(e.sum(0)).mean() - 2 * hit.mean()
    return (loss / 2).to(image.dtype)
