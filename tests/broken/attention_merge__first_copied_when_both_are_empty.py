"""Where both parts are empty the first one's numbers are copied, whatever they are
(vllm-project/vllm #28181).
"""

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    kept = torch.promote_types(lse1.dtype, torch.float32)
    top = torch.maximum(lse1, lse2).to(kept)
    both = top == -torch.inf
    safe = top.masked_fill(both, 0.0)
    w1, w2 = torch.exp(lse1.to(kept) - safe), torch.exp(lse2.to(kept) - safe)
    a = torch.where((w1 > 0)[..., None], o1.to(wide), 0.0)
    b = torch.where((w2 > 0)[..., None], o2.to(wide), 0.0)
    o = (a * w1[..., None] + b * w2[..., None]) / (w1 + w2).masked_fill(both, 1.0)[..., None]
    o = torch.where(both[..., None], o1.to(wide), o)
    return o.to(o1.dtype), safe + torch.log(w1 + w2)
