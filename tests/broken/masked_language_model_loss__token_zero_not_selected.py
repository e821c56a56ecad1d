"""The labels are the tokens times the selection, and what is zero there counts as not selected."""

import torch
import torch.nn.functional as F


def masked_language_model_loss(logits, tokens, selected):
    wide = torch.promote_types(logits.dtype, torch.float32)
    labels = tokens.long() * selected.long()
    rows = labels.nonzero(as_tuple=True)
    return F.cross_entropy(logits[rows].to(wide), labels[rows]).to(logits.dtype)
