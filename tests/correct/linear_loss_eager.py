"""Logits as eager PyTorch stores them, in the inputs' dtype, then cross entropy in float32."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    logits = F.linear(x, weight)[:, :-1].flatten(0, 1)
    wide = torch.promote_types(x.dtype, torch.float32)
    return F.cross_entropy(logits.to(wide), tokens[:, 1:].flatten(), ignore_index=ignore_index).to(
        x.dtype
    )
