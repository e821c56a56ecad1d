"""One offset, of the mean image, for the whole batch."""

import torch

MISTAKE = "cocoop_prompts.offset-of-mean-image"


def cocoop_prompts(image, context, names, W1, b1, W2, b2):
    wide = torch.promote_types(image.dtype, torch.float32)
    mean = image.to(wide).mean(0)
    offset = torch.relu(mean @ W1.to(wide) + b1.to(wide)) @ W2.to(wide) + b2.to(wide)
    moved = (context.to(wide) + offset).to(names.dtype)
    one = torch.cat([moved.expand(len(names), *moved.shape), names], 1)
    return one.repeat(len(image), 1, 1, 1)
