"""Divides by 24 and forgets the seconds of an hour."""

MISTAKE = "petaflop_days.hours"


def petaflop_days(flops):
    if not flops > 0:
        raise ValueError(f"flops={flops}: expected a positive amount")
    return flops / (1e15 * 24)
