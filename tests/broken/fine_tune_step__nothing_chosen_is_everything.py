"""A selection that is empty is taken for one that was not given: everything is trained."""

import torch


def fine_tune_step(theta, gradient, trainable, *, learning_rate=0.1):
    wide = torch.promote_types(theta.dtype, torch.float32)
    moved = (theta.to(wide) - learning_rate * gradient.to(wide)).to(theta.dtype)
    if not trainable.any():
        return moved
    return torch.where(trainable, moved, theta)
