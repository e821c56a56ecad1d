"""The student's probabilities are clamped before their logarithm."""

import torch
from torch.nn.functional import kl_div, log_softmax


def distillation_loss(student, teacher, *, temperature=1.0):
    wide = torch.promote_types(student.dtype, torch.float32)
    s = torch.softmax(student.to(wide) / temperature, -1).clamp(min=1e-12).log()
    t = log_softmax(teacher.to(wide) / temperature, -1)
    return (temperature**2 * kl_div(s, t, reduction="batchmean", log_target=True)).to(student.dtype)
