"""The factor T^2 is left out."""

import torch
from torch.nn.functional import kl_div, log_softmax

MISTAKE = "distillation_loss.no-square"


def distillation_loss(student, teacher, *, temperature=1.0):
    wide = torch.promote_types(student.dtype, torch.float32)
    s = log_softmax(student.to(wide) / temperature, -1)
    t = log_softmax(teacher.to(wide) / temperature, -1)
    return (kl_div(s, t, reduction="batchmean", log_target=True)).to(student.dtype)
