"""The convolution comes before attention."""

import torch.nn.functional as F

MISTAKE = "conformer_block.conv-first"


def conformer_block(x, ffn1, attention, conv, ffn2, gamma, beta, *, eps=1e-5):
    x = x + 0.5 * ffn1(x)
    x = x + conv(x)
    x = x + attention(x)
    x = x + 0.5 * ffn2(x)
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)
