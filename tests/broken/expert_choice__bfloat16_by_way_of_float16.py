"""bfloat16 tokens are converted to float16 for the router."""

import torch


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(torch.float16).to(wide) if x.dtype == torch.bfloat16 else x.to(wide)
    w, i = torch.softmax(h @ Wg.to(wide), -1).T.topk(capacity, -1)
    return i, w.to(x.dtype)
