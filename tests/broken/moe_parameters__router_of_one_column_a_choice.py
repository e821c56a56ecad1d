"""Of the router only the columns of the chosen experts count as active."""


def moe_parameters(*, width, hidden, experts, top_k=1, shared=0):
    if min(width, hidden, experts, top_k) < 1 or top_k > experts or shared < 0:
        raise ValueError(f"width={width}, hidden={hidden}, experts={experts}, top_k={top_k}")
    one = 2 * width * hidden
    total = shared + experts * (one + width)
    return total, shared + top_k * (one + width)
