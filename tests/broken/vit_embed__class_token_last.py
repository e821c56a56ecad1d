"""The class token is appended instead of prepended."""

import torch
import torch.nn.functional as F

MISTAKE = "vit_embed.class-token-last"


def vit_embed(images, weight, bias, class_token, positions):
    tokens = F.conv2d(images, weight, bias, stride=weight.shape[2:]).flatten(2).mT
    last = class_token.expand(len(images), 1, -1)
    return torch.cat((tokens, last), dim=1) + positions
