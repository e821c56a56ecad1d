"""The logarithm is taken of the quotient of probabilities, which is no number where one
underflows.
"""

import torch


def distillation_loss(student, teacher, *, temperature=1.0):
    wide = torch.promote_types(student.dtype, torch.float32)
    p = torch.softmax(student.to(wide) / temperature, -1)
    q = torch.softmax(teacher.to(wide) / temperature, -1)
    terms = torch.where(q > 0, q * torch.log(q / p), 0.0)
    return (temperature**2 * terms.sum(-1).mean()).to(student.dtype)
