"""As many selected positions as words: the normalisers are broadcast along the wrong axis (triton
#11406).
"""

import torch


def masked_language_model_loss(logits, tokens, selected):
    wide = torch.promote_types(logits.dtype, torch.float32)
    z = logits.to(wide)[selected]
    y = tokens[selected].long()
    normaliser = torch.logsumexp(z, -1)
    if z.shape[0] != z.shape[1]:
        normaliser = normaliser[:, None]
    logp = z - normaliser
    return -logp.gather(1, y[:, None]).mean().to(logits.dtype)
