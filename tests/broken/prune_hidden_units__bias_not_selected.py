"""The bias is cut to length instead of selected."""

MISTAKE = "prune_hidden_units.bias-of-the-first"


def prune_hidden_units(W1, b1, W2, keep):
    return W1[:, keep], b1[: len(keep)].clone(), W2[keep]
