"""A ReLU follows the last layer, so that no prompt has a negative entry."""

import torch

MISTAKE = "mlp_prompt_encoder.relu-at-the-end"


def mlp_prompt_encoder(seeds, W1, b1, W2, b2, W3, b3):
    x = seeds.to(torch.promote_types(seeds.dtype, torch.float32))
    for W, b in ((W1, b1), (W2, b2), (W3, b3)):
        x = torch.relu(x @ W.to(x.dtype) + b)
    return x.to(seeds.dtype)
