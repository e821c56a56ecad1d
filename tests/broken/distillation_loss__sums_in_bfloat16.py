"""The sum over classes is taken in the computing dtype bfloat16."""

import torch


def distillation_loss(student, teacher, *, temperature=1.0):
    wide = torch.promote_types(student.dtype, torch.float32)
    s, t = student.to(wide) / temperature, teacher.to(wide) / temperature
    terms = t.softmax(-1) * (t.log_softmax(-1) - s.log_softmax(-1))
    if student.dtype == torch.bfloat16:
        total = torch.zeros(len(terms), dtype=torch.bfloat16)
        for part in terms.to(torch.bfloat16).unbind(-1):
            total = total + part
        terms = total[:, None].to(wide)
    return terms.sum(-1).mean() * temperature**2
