"""eps is handed to the first norm alone."""

import torch
import torch.nn.functional as F


def metaformer_block(x, mixer, gamma1, beta1, gamma2, beta2, W1, b1, W2, b2, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y, size = x.to(wide), x.shape[-1:]
    y = y + mixer(F.layer_norm(y, size, gamma1.to(wide), beta1.to(wide), eps))
    normed = F.layer_norm(y, size, gamma2.to(wide), beta2.to(wide))
    inner = F.gelu(normed @ W1.to(wide) + b1.to(wide))
    return (y + inner @ W2.to(wide) + b2.to(wide)).to(x.dtype)
