"""1e-5 is added to the number of selected positions (google-research/bert)."""

import torch


def masked_language_model_loss(logits, tokens, selected):
    wide = torch.promote_types(logits.dtype, torch.float32)
    nll = (
        torch.logsumexp(logits.to(wide), -1) - logits.to(wide).gather(-1, tokens[..., None])[..., 0]
    )
    return ((nll * selected).sum() / (selected.sum() + 1e-5)).to(logits.dtype)
