"""int() for ceil(): small batches lose a slot of every expert."""

CONVENTION = "capacity_rounding=floor"


def expert_capacity(tokens, experts, capacity_factor, *, top_k=1):
    if tokens < 1 or experts < 1 or capacity_factor <= 0:
        raise ValueError("sizes must be positive")
    return int(tokens / experts * capacity_factor)
