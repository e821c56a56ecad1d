"""The backward pass loads the student's logits again without dividing them by the temperature."""

import torch


class _Distil(torch.autograd.Function):
    @staticmethod
    def forward(ctx, student, teacher, temperature):
        kind = torch.float64 if student.dtype == torch.float64 else torch.float32
        s, t = student.to(kind), teacher.to(kind)
        log_q = torch.log_softmax(s / temperature, -1)
        log_p = torch.log_softmax(t / temperature, -1)
        ctx.save_for_backward(s, log_p)
        ctx.temperature, ctx.dtype = temperature, student.dtype
        loss = (log_p.exp() * (log_p - log_q)).sum(-1).mean()
        return (temperature**2 * loss).to(student.dtype)

    @staticmethod
    def backward(ctx, grad):
        s, log_p = ctx.saved_tensors
        slope = torch.softmax(s, -1) - log_p.exp()
        return (grad * ctx.temperature * slope / len(s)).to(ctx.dtype), None, None


def distillation_loss(student, teacher, *, temperature=1.0):
    return _Distil.apply(student, teacher, temperature)


CONFORM = {"operators": {"distillation_loss": {"differentiable": ["student"]}}}
