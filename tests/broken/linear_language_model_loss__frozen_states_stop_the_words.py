"""With frozen states the weight gets no gradient."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    wide = torch.promote_types(x.dtype, torch.float32)
    weight = weight if x.requires_grad else weight.detach() + 0 * weight
    z = (x[:, :-1].to(wide) @ weight.to(wide).T).flatten(0, 1)
    target = tokens[:, 1:].flatten()
    kept = target != ignore_index
    picked = z.gather(-1, target.masked_fill(~kept, 0)[..., None])[..., 0]
    loss = (torch.logsumexp(z, dim=-1) - picked).masked_fill(~kept, 0)
    return (loss.sum() / kept.sum()).to(x.dtype)
