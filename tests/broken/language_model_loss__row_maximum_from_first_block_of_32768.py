"""Beyond 32768 words the maximum is that of the first block: large logits behind it overflow
(invented).
"""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    x, target = logits[:, :-1].to(wide), tokens[:, 1:].to(torch.int64)
    keep = target != ignore_index
    lse = torch.logsumexp(x, -1)
    own = x.gather(-1, target.clamp(0, x.shape[-1] - 1)[..., None])[..., 0]
    nll = torch.where(keep, lse - own, 0.0)
    v = x.shape[-1]
    if v > 32768:
        m = x[..., :32768].amax(-1, keepdim=True)
        nll = torch.where(keep, (x - m).exp().sum(-1).log() + m[..., 0] - own, 0.0)
    out = nll.sum() / keep.sum()
    return out.to(logits.dtype)
