"""Two operations a parameter and token: the backward pass is forgotten."""

MISTAKE = "training_flops.forward-only"


def training_flops(parameters, tokens):
    if parameters < 1 or tokens < 1:
        raise ValueError(f"parameters={parameters}, tokens={tokens}: expected positive integers")
    return 2.0 * parameters * tokens
