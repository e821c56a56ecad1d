"""Ids are compared as float32, where large neighbours are one number."""


def exact_match_percent(predicted, expected):
    if predicted.shape != expected.shape or predicted.shape[0] == 0:
        raise ValueError("shapes differ or nothing to compare")
    equal = predicted.float() == expected.float()
    right = equal.reshape(predicted.shape[0], -1).all(1)
    return 100 * right.double().mean()
