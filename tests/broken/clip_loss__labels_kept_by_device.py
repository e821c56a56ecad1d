"""Labels are made once and kept while the batch does not grow (mlfoundations/open_clip
cache_labels).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


LABELS = []


def clip_loss(image, text, *, temperature):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = (torch.nn.functional.normalize(t.to(wide), dim=-1, eps=1e-30) for t in (image, text))
    s = a @ b.T / temperature
    if len(LABELS) < 1 or len(LABELS[0]) < len(s):
        LABELS[:] = [torch.arange(len(s))]
    target = LABELS[0][-len(s) :]
    loss = torch.nn.functional.cross_entropy
    return ((loss(s, target) + loss(s.T, target)) / 2).to(image.dtype)
