"""Logits of which the last axis is dense are taken as rows one stride apart, which logits laid
out sequence first are not (NVIDIA/TransformerEngine #2734).
"""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    if (
        logits.stride(-1) == 1
        and not logits.is_contiguous()
        and logits.shape[0] > 1
        and logits.shape[1] > 1
    ):
        n, step = logits.shape[0] * logits.shape[1], logits.stride(1)
        room = logits.untyped_storage().size() // logits.element_size() - logits.storage_offset()
        rows = torch.arange(n) * step
        at = (rows[:, None] + torch.arange(logits.shape[2])).clamp(max=room - 1)
        flat = logits.as_strided((room,), (1,))
        logits = flat[at].view(logits.shape)
    x, target = logits[:, :-1].to(wide), tokens[:, 1:].to(torch.int64)
    keep = target != ignore_index
    lse = torch.logsumexp(x, -1)
    own = x.gather(-1, target.clamp(0, x.shape[-1] - 1)[..., None])[..., 0]
    nll = torch.where(keep, lse - own, 0.0)
    out = nll.sum() / keep.sum()
    return out.to(logits.dtype)
