"""The optimiser holds state for every parameter."""

MISTAKE = "finetuning_bytes.state-for-all"


def finetuning_bytes(*, parameters, trainable=None):
    if parameters < 1 or (trainable is not None and trainable < 1):
        raise ValueError("counts are positive")
    return 16 * parameters + 16 * (trainable or 0)
