"""A batch without any selected token gives zero instead of NaN (the mend asked for in transformers
#16711).
"""

import torch
import torch.nn.functional as F


def masked_language_model_loss(logits, tokens, selected):
    wide = torch.promote_types(logits.dtype, torch.float32)
    if not selected.any():
        return (logits.sum() * 0).to(logits.dtype)
    each = F.cross_entropy(logits.to(wide)[selected], tokens[selected].long(), reduction="none")
    return each.mean().to(logits.dtype)
