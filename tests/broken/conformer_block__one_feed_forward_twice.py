"""One feed-forward module stands at both ends (speechbrain #800)."""

import torch
import torch.nn.functional as F


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)
    z = z + ffn1(z) / 2
    z = z + attention(z)
    z = z + conv(z)
    z = z + ffn1(z) / 2
    return F.layer_norm(z, z.shape[-1:], gamma.to(wide), beta.to(wide), eps).to(x.dtype)
