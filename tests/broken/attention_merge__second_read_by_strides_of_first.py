"""Both parts are read by the strides of the first; where the second lies otherwise, other numbers
are read (local-inference-lab/vllm #17).
"""

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    kept = torch.promote_types(lse1.dtype, torch.float32)
    if o1.stride() != o2.stride() and o1.numel() and o2.untyped_storage().nbytes() > 0:
        room = o2.untyped_storage().nbytes() // o2.element_size() - o2.storage_offset()
        reach = 1 + sum((n - 1) * t for n, t in zip(o1.shape, o1.stride(), strict=True))
        if reach <= room:
            o2 = o2.as_strided(o1.shape, o1.stride())
    top = torch.maximum(lse1, lse2).to(kept)
    safe = top.masked_fill(top == -torch.inf, 0.0)
    w1, w2 = torch.exp(lse1.to(kept) - safe), torch.exp(lse2.to(kept) - safe)
    total = w1 + w2
    a = torch.where((w1 > 0)[..., None], o1.to(wide), 0.0)
    b = torch.where((w2 > 0)[..., None], o2.to(wide), 0.0)
    o = (a * w1[..., None] + b * w2[..., None]) / total.masked_fill(total == 0, 1.0)[..., None]
    return o.to(o1.dtype), safe + torch.log(total)
