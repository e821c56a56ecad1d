"""Cross entropy on the flattened, shifted logits."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    flat = logits[:, :-1].to(wide).reshape(-1, logits.shape[-1])
    loss = F.cross_entropy(flat, tokens[:, 1:].reshape(-1), ignore_index=ignore_index)
    return loss.to(logits.dtype)
