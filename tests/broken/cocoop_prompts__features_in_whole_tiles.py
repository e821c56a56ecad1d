"""The image's features are read in tiles of 64; beyond the first, a tile that is not full is left
out.
"""

import torch


def cocoop_prompts(image, context, names, W1, b1, W2, b2):
    wide = torch.promote_types(image.dtype, torch.float32)
    size = image.shape[1]
    size = max(size // 64 * 64, min(size, 64))
    hidden = torch.relu(image.to(wide)[:, :size] @ W1.to(wide)[:size] + b1.to(wide))
    moved = (context.to(wide) + (hidden @ W2.to(wide) + b2.to(wide))[:, None]).to(names.dtype)
    shape = (len(image), len(names))
    left = moved[:, None].expand(*shape, -1, -1)
    return torch.cat([left, names.expand(*shape, -1, -1)], 2)
