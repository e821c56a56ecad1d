"""Counts of what attention, softmax and matrix products move and hold, in elements."""

from conform_reference._check import at_least


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        at_least(name, value, 1)


def standard_attention_io(length: int, head_dim: int, sram_elements: int) -> int:
    """4 N d + 4 N^2 elements between slow and fast memory, whatever the fast memory's size.

    Three kernels: read Q, K, write S; read S, write P; read P, V, write O. N = length,
    d = head_dim. Raises ValueError for sizes that are no positive integers.
    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 0; there as Theta(N d + N^2).
    """
    _sizes(length=length, head_dim=head_dim, sram_elements=sram_elements)
    return 4 * length * head_dim + 4 * length * length


def flash_block_sizes(head_dim: int, sram_elements: int) -> tuple[int, int]:
    """(B_r, B_c): B_c = ceil(M / 4d) keys and B_r = min(B_c, d) queries to a tile.

    d = head_dim, M = sram_elements. The ceilings may exceed M by less than 4 rows of d.
    Raises ValueError for sizes that are no positive integers. Source: arXiv:2205.14135, alg. 1.
    """
    _sizes(head_dim=head_dim, sram_elements=sram_elements)
    columns = _ceil(sram_elements, 4 * head_dim)
    return min(columns, head_dim), columns


def flash_attention_io(length: int, head_dim: int, sram_elements: int) -> int:
    """2 N d + T_c (3 N d + 4 N) + N d + 2 N elements, with T_c = ceil(N / ceil(M / 4d)).

    Algorithm 1, keys outside: K and V are read once; each of T_c passes reads Q, O, l, m and
    writes O, l, m; the last terms set O, l, m up. N = length, d = head_dim, M = sram_elements.
    Raises ValueError for sizes that are no positive integers. Source: arXiv:2205.14135, alg. 1;
    theorem 2 gives the order N^2 d^2 / M for d <= M <= N d.
    """
    _sizes(length=length)
    passes = _ceil(length, flash_block_sizes(head_dim, sram_elements)[1])
    once = 2 * length * head_dim + length * head_dim + 2 * length
    return once + passes * (3 * length * head_dim + 4 * length)


def flash_attention_2_io(length: int, head_dim: int, block_q: int) -> int:
    """N d + 2 N d T_r + N d elements, with T_r = ceil(N / block_q).

    Queries outside: Q is read and O written once; K and V are read by each of T_r row blocks, and
    the running maximum and sum stay in registers. N = length, d = head_dim.
    Raises ValueError for sizes that are no positive integers. Source: Dao 2023, arXiv:2307.08691.
    """
    _sizes(length=length, head_dim=head_dim, block_q=block_q)
    return 2 * length * head_dim * (1 + _ceil(length, block_q))


def attention_extra_elements(length: int, *, tiled: bool = False) -> int:
    """Elements held in slow memory beside Q, K, V and O: N^2 weights, or 2 N statistics if tiled.

    N = length. Raises ValueError for a length that is no positive integer.
    Source: arXiv:2205.14135, section 3.1 (the statistics are l and m of algorithm 1).
    """
    _sizes(length=length)
    return 2 * length if tiled else length * length


def softmax_accesses(length: int, *, variant: str = "online") -> tuple[int, int]:
    """(reads, writes) of the row: naive 2 N, safe 3 N, online 2 N reads, and N writes each.

    N = length. Naive: sum, divide. Safe: maximum, sum, divide. Online: maximum and sum together,
    divide. Raises ValueError for another variant or a length that is no positive integer.
    Source: Milakov and Gimelshein 2018, arXiv:1805.02867.
    """
    _sizes(length=length)
    loops = {"naive": 2, "safe": 3, "online": 2}
    if variant not in loops:
        raise ValueError(f"variant={variant!r}: expected one of {', '.join(loops)}")
    return loops[variant] * length, length


def matmul_accesses(m: int, k: int, n: int, *, tile: int = 1) -> int:
    """m k ceil(n / tile) + k n ceil(m / tile) operand elements read for a[m,k] @ b[k,n].

    Each tile x tile block of the result reads its rows of a and its columns of b once. tile=1 is
    the product element by element, 2 m n k; where tile divides m and n it is 2 m n k / tile.
    Raises ValueError for sizes that are no positive integers. Source: the CMU deck's slide on
    tiling, whose 32 and 16 are for one 2 x 2 block of the result with k = 4.
    """
    _sizes(m=m, k=k, n=n, tile=tile)
    return m * k * _ceil(n, tile) + k * n * _ceil(m, tile)
