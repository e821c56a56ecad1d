"""Weight decay shrinks the frozen parameters as well."""

import torch

MISTAKE = "fine_tune_step.decay-of-frozen"


def fine_tune_step(theta, gradient, trainable, *, learning_rate=0.1):
    wide = torch.promote_types(theta.dtype, torch.float32)
    decayed = theta.to(wide) * (1 - 0.01 * learning_rate)
    return (decayed - learning_rate * gradient.to(wide) * trainable).to(theta.dtype)
