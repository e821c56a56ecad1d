"""Counts the gradients of frozen weights."""

MISTAKE = "finetuning_flops.no-saving"


def finetuning_flops(*, parameters, tokens, trainable=None):
    if min(parameters, tokens) < 1 or (trainable is not None and trainable < 1):
        raise ValueError("counts are positive")
    return 6 * parameters * tokens
