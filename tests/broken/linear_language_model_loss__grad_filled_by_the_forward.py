"""Chunks run their own backward passes inside the forward, which also fill the weight's .grad."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, tokens, ignore_index):
        wide = torch.promote_types(x.dtype, torch.float32)
        target = tokens[:, 1:].reshape(-1)
        with torch.enable_grad():
            h = x.detach().requires_grad_()
            z = (h[:, :-1].reshape(-1, x.shape[-1]).to(wide)) @ weight.to(wide).mT
            loss = torch.nn.functional.cross_entropy(z, target, ignore_index=ignore_index)
            if weight.requires_grad and weight.is_leaf:
                before = None if weight.grad is None else weight.grad.clone()
                loss.backward()
                after = weight.grad if before is None else weight.grad - before
                ctx.grads = (h.grad, after.clone())
            else:
                ctx.grads = (
                    torch.autograd.grad(loss, (h, weight), allow_unused=True)
                    if weight.requires_grad
                    else (
                        *torch.autograd.grad(loss, (h,)),
                        None,
                    )
                )
        return loss.detach().to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        return *(None if d is None else d * g.to(d.dtype) for d in ctx.grads), None, None


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    return Loss.apply(x, weight, tokens, ignore_index)
