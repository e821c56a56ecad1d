"""Where 128 threads do not hold whole heads, a split head reads the merged normaliser."""

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(o1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    safe = torch.where(top == -torch.inf, torch.zeros_like(top), top)
    wa, wb = torch.exp(a - safe), torch.exp(b - safe)
    total = wa + wb
    lse = torch.where(
        total == 0, top, safe + torch.log(torch.where(total == 0, torch.ones_like(total), total))
    )
    d = torch.where(total == 0, torch.ones_like(total), total)
    out = (wa / d)[..., None] * o1.to(wide) + (wb / d)[..., None] * o2.to(wide)
    size, pack = o1.shape[-1], 16 // o1.element_size()
    if size % pack == 0 and 128 % (size // pack):
        threads = size // pack
        place = torch.arange(out.numel() // pack).view(*out.shape[:-1], threads)
        late = (place // 128 != place[..., :1] // 128).repeat_interleave(pack, -1)
        wc = torch.exp(torch.where(lse == -torch.inf, lse, lse - safe))
        c = torch.where(wc + wb == 0, torch.ones_like(wc), wc + wb)
        wrong = (wc / c)[..., None] * o1.to(wide) + (wb / c)[..., None] * o2.to(wide)
        out = torch.where(late, wrong, out)
    return out.to(o1.dtype), lse.to(lse1.dtype)
