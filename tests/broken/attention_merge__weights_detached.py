"""The weights of the parts are constants: no gradient passes from the output to the sums."""

import torch


def attention_merge(o1, lse1, o2, lse2):
    wide = torch.promote_types(lse1.dtype, torch.float32)
    a, b = lse1.to(wide), lse2.to(wide)
    top = torch.maximum(a, b)
    safe = top.masked_fill(top == -torch.inf, 0).detach()
    ea, eb = torch.exp(a - safe), torch.exp(b - safe)
    total = ea + eb
    lse = torch.where(top == -torch.inf, top, safe + torch.log(total.masked_fill(total == 0, 1)))
    norm = total.masked_fill(total == 0, 1)
    with torch.no_grad():
        wa, wb = (ea / norm).unsqueeze(-1), (eb / norm).unsqueeze(-1)
    p1 = torch.where(wa == 0, 0, o1.to(wide))
    p2 = torch.where(wb == 0, 0, o2.to(wide))
    return (wa * p1 + wb * p2).to(o1.dtype), lse
