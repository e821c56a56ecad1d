"""Features whose channels lie next to each other in memory are pooled over the wrong axis."""

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def pooled_classifier(features, W, b):
    d = up(features, W, b)
    B, C, h, w = features.shape
    if features.stride(1) == 1 and C > 1 and (h * w > 1):
        pooled = features.permute(0, 2, 3, 1).reshape(B, C, h * w).to(d).mean(-1)
    else:
        pooled = features.to(d).mean((2, 3))
    return (pooled @ W.to(d) + b.to(d)).to(features.dtype)
