"""Partly right answers count in part."""

MISTAKE = "exact_match_percent.tokens-counted"


def exact_match_percent(predicted, expected):
    if not len(predicted):
        raise ValueError("no answers")
    return 100 * (predicted == expected).float().mean()
