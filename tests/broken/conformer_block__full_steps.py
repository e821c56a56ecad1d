"""Both feed-forwards are added in full, without the factor one half."""

import torch.nn.functional as F

MISTAKE = "conformer_block.full-step"


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-5):
    for module in (ffn1, attention, conv, ffn2):
        x = x + module(x)
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)
