"""Student and teacher are swapped in the divergence."""

import torch
from torch.nn.functional import kl_div, log_softmax

MISTAKE = "distillation_loss.swapped"


def distillation_loss(student, teacher, *, temperature=1.0):
    wide = torch.promote_types(student.dtype, torch.float32)
    s = log_softmax(student.to(wide) / temperature, -1)
    t = log_softmax(teacher.to(wide) / temperature, -1)
    return (temperature**2 * kl_div(t, s, reduction="batchmean", log_target=True)).to(student.dtype)
