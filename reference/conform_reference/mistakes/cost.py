"""Wrong relatives of the cost formulas, most of them without a check of their sizes."""

import math

import torch
from torch import Tensor


def training_flops_unchecked(parameters: int, tokens: int) -> float:
    """6ND of anything."""
    return float(6 * parameters * tokens)


def inference_flops_unchecked(parameters: int, tokens: int) -> float:
    """2ND of anything."""
    return float(2 * parameters * tokens)


def forward_flops_unchecked(
    parameters: int, *, layers: int, width: int, length: int, causal: bool = False
) -> float:
    """The formula for any sizes."""
    return float(2 * parameters + (2 if causal else 4) * layers * length * width)


def step_flops_unchecked(length: int, width: int, *, cached: bool = True) -> int:
    """The formula for any sizes."""
    return 4 * length * width * (1 if cached else length)


def intensity_unchecked(*, heads: int, kv_heads: int, bytes_per_element: int = 2) -> float:
    """Heads need not divide."""
    return 2 * heads / (kv_heads * max(bytes_per_element, 1))


def petaflop_days_unchecked(flops: float) -> float:
    """The quotient of any amount."""
    return flops / 8.64e19


def hardware_flops_unchecked(seconds: float, devices: int, flops_per_second: float) -> float:
    """The product of any amounts."""
    return float(seconds * devices * flops_per_second)


def power_law_unchecked(x: float, *, scale: float, exponent: float) -> float:
    """The absolute value is taken of what should be refused."""
    return float(abs(scale / x) ** exponent)


def fit_through_origin(x: Tensor, y: Tensor) -> Tensor:
    """The line has no intercept."""
    log_x, log_y = torch.log(x), torch.log(y)
    slope = (log_x * log_y).sum() / (log_x * log_x).sum()
    return torch.stack([torch.ones_like(slope), -slope])


def scaling_law_unchecked(
    parameters: int, tokens: int, *, E: float, A: float, B: float, alpha: float, beta: float
) -> float:
    """A missing term is left out instead of being refused."""
    first = A / parameters**alpha if parameters > 0 else 0.0
    second = B / tokens**beta if tokens > 0 else 0.0
    return float(E + first + second)


def compute_optimal_unchecked(
    flops: float, *, A: float, B: float, alpha: float, beta: float
) -> tuple[float, float]:
    """The size of the amounts is taken, whatever their sign."""
    both = alpha + beta
    ratio = (alpha * max(A, 1e-9) / (beta * B)) ** (1 / both)
    budget = abs(flops) / 6
    return ratio * budget ** (beta / both), budget ** (alpha / both) / ratio


def sequence_accuracy_unchecked(token_accuracy: float, *, length: int) -> float:
    """The power of any number."""
    return float(token_accuracy**length)


def standard_io_unchecked(length: int, head_dim: int, sram_elements: int) -> int:
    """The formula for any sizes."""
    return 4 * length * (head_dim + length)


def flash_io_unchecked(length: int, head_dim: int, sram_elements: int) -> int:
    """Sizes are raised to 1 instead of being refused."""
    length, head_dim, sram_elements = (max(1, n) for n in (length, head_dim, sram_elements))
    passes = math.ceil(length / math.ceil(sram_elements / (4 * head_dim)))
    return 3 * length * head_dim + 2 * length + passes * length * (3 * head_dim + 4)


def flash_2_io_unchecked(length: int, head_dim: int, block_q: int) -> int:
    """Sizes are raised to 1 instead of being refused."""
    length, head_dim, block_q = (max(1, n) for n in (length, head_dim, block_q))
    return 2 * length * head_dim * (1 + math.ceil(length / block_q))


def block_sizes_floor(head_dim: int, sram_elements: int) -> tuple[int, int]:
    """Rounded down, so that the tiles always fit: not the listing's."""
    columns = max(1, sram_elements // (4 * head_dim))
    return min(columns, head_dim), columns


def block_sizes_unchecked(head_dim: int, sram_elements: int) -> tuple[int, int]:
    """Sizes are raised to 1 instead of being refused."""
    head_dim, sram_elements = max(1, head_dim), max(1, sram_elements)
    columns = math.ceil(sram_elements / (4 * head_dim))
    return min(columns, head_dim), columns


def extra_elements_unchecked(length: int, *, tiled: bool = False) -> int:
    """The formula for any size."""
    return 2 * length if tiled else length * length


def softmax_accesses_unchecked(length: int, *, variant: str = "online") -> tuple[int, int]:
    """An unknown variant is taken for the online one."""
    return (3 if variant == "safe" else 2) * length, length


def matmul_accesses_unchecked(m: int, k: int, n: int, *, tile: int = 1) -> int:
    """Sizes are raised to 1 instead of being refused."""
    m, k, n, tile = (max(1, size) for size in (m, k, n, tile))
    return m * k * math.ceil(n / tile) + k * n * math.ceil(m / tile)


def tiled_tail_dropped(a: Tensor, b: Tensor, *, tile: int) -> Tensor:
    """Inner rows behind the last full tile are left out."""
    inner = max(a.shape[1] // tile * tile, min(tile, a.shape[1]))
    return a[:, :inner] @ b[:inner]


def tiled_last_block(a: Tensor, b: Tensor, *, tile: int) -> Tensor:
    """Each inner block overwrites the sum of those before it."""
    start = (a.shape[1] - 1) // tile * tile
    return a[:, start:] @ b[start:]


def parameter_count_unchecked(
    *,
    layers: int,
    width: int,
    vocabulary: int = 0,
    positions: int = 0,
    heads: int = 1,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    ffn: int | None = None,
    glu: bool = False,
    biases: bool = False,
    norm: str | None = None,
    final_norm: bool = True,
    tied: bool = True,
    embedding_width: int | None = None,
) -> int:
    """Heads that do not divide are truncated, sizes are not looked at."""
    kv = heads if kv_heads is None else kv_heads
    size = width // max(heads, 1) if head_dim is None else head_dim
    hidden = 4 * width if ffn is None else ffn
    inner, shared, maps = heads * size, kv * size, 3 if glu else 2
    each = {None: 0, "rms": width, "layer": 2 * width}[norm]
    block = 2 * width * (inner + shared) + maps * width * hidden + 2 * each
    if biases:
        block += inner + 2 * shared + 2 * width + (maps - 1) * hidden
    inside = width if embedding_width is None else embedding_width
    embeddings = vocabulary * inside * (1 if tied else 2) + positions * width
    embeddings += 0 if embedding_width is None else 2 * width * inside
    return layers * block + each * final_norm + embeddings


def latent_parameters_unchecked(
    *, width: int, heads: int, head_dim: int, latent_dim: int, rope_dim: int,
    query_latent_dim: int | None = None,
) -> int:  # fmt: skip
    """The formula for any sizes."""
    queries = heads * (head_dim + rope_dim)
    query = width * queries if query_latent_dim is None else query_latent_dim * (width + queries)
    shared = width * (latent_dim + rope_dim) + 2 * latent_dim * heads * head_dim
    return query + shared + heads * head_dim * width
