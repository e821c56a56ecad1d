"""Rows where student and teacher agree are taken for padding and not counted in the mean."""

import torch


def distillation_loss(student, teacher, *, temperature=1.0):
    if not temperature > 0 or student.shape != teacher.shape:
        raise ValueError("bad input")
    wide = torch.promote_types(student.dtype, torch.float32)
    s = torch.log_softmax(student.to(wide) / temperature, -1)
    t = torch.log_softmax(teacher.to(wide) / temperature, -1)
    rows = (t.exp() * (t - s)).sum(-1)
    count = (student != teacher).any(-1).sum().clamp(min=1)
    return (temperature**2 * rows.sum() / count).to(student.dtype)
