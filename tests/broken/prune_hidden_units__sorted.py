"""The units kept are sorted and made unique."""


def prune_hidden_units(W1, b1, W2, keep):
    keep = keep.sort().values
    return W1[:, keep], b1[keep], W2[keep]
