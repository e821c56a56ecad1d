"""Rows behind the last full block are not counted."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def flash_attention_2_io(length, head_dim, block_q):
    need(length=length, head_dim=head_dim, block_q=block_q)
    rounds = max(1, length // block_q)
    return 2 * length * head_dim + 2 * length * head_dim * rounds
