"""Every expert is counted, as if each read each token (maxtext #678)."""


def moe_token_flops(*, width, hidden, experts, top_k=1):
    if min(width, hidden, experts, top_k) < 1 or top_k > experts:
        raise ValueError(f"width={width}, hidden={hidden}, experts={experts}, top_k={top_k}")
    return experts * 4 * width * hidden + 2 * width * experts
