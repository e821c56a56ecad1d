"""The inverse temperature is clamped at 100, as training code for contrastive models clamps a
learnt one (mlfoundations/open_clip and others).
"""

import torch


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    scores = queries.to(wide) @ keys.to(wide).T * min(1 / temperature, 100.0)
    losses = torch.logsumexp(scores, -1) - scores.diagonal()
    return losses.mean().to(queries.dtype)
