"""The teacher's probability is multiplied by its own logarithm: where it underflows to zero, 0
times -inf is no number.
"""

import torch


def distillation_loss(student, teacher, *, temperature=1.0):
    wide = torch.promote_types(student.dtype, torch.float32)
    s = torch.log_softmax(student.to(wide) / temperature, -1)
    p = torch.softmax(teacher.to(wide) / temperature, -1)
    gap = torch.log(p) - s
    return (temperature**2 * (p * gap).sum(-1).mean()).to(student.dtype)
