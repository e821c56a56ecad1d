"""Closed formulas: trained parameters, bytes, storage and operations of fine-tuning."""

from conform_reference._check import at_least
from conform_reference._lora_products import lokr_factors

_METHODS = ("full", "lora", "dora", "loha", "lokr")
_MODEL_METHODS = ("prefix", "series", "parallel", "lora", "dora")


def _positive(**sizes: int) -> None:
    for name, value in sizes.items():
        at_least(name, value, 1)


def _known(method: str, methods: tuple[str, ...]) -> None:
    if method not in methods:
        raise ValueError(f"method={method!r}: expected one of {', '.join(methods)}")


def delta_parameters(method: str, *, fan_in: int, fan_out: int, rank: int) -> int:
    """Trained numbers of an update of one weight [fan_out, fan_in].

    full: fan_out fan_in; lora: r (fan_in + fan_out); dora: one more for each output; loha: twice
    lora; lokr: a c + r (outputs / a + inputs / c), (a, .) and (c, .) the lokr_factors of both.
    Raises ValueError for sizes below 1 or another method. Sources: arXiv:2106.09685, 2402.09353,
    2108.06098, 2212.10650.
    """
    _known(method, _METHODS)
    _positive(fan_in=fan_in, fan_out=fan_out, rank=rank)
    if method == "full":
        return fan_in * fan_out
    if method == "lokr":
        (a, b), (c, d) = lokr_factors(fan_out), lokr_factors(fan_in)
        return a * c + rank * (b + d)
    lora = rank * (fan_in + fan_out)
    return {"lora": lora, "dora": lora + fan_out, "loha": 2 * lora}[method]


def model_parameters(method: str, *, layers: int, width: int, hidden: int, size: int) -> int:
    """Trained numbers of a method in a LLaMA-like model of `width` and feed-forward `hidden`.

    lora, dora: rank `size` on query, key, value, up and down; series: bottleneck `size` after the
    feed-forward; parallel: beside the attention output and the up projection, as Hu et al. 2023
    count it; prefix: `size` keys and values a layer. No biases. Raises ValueError for sizes below 1
    or another method. Source: table 1 of arXiv:2402.09353.
    """
    _known(method, _MODEL_METHODS)
    _positive(layers=layers, width=width, hidden=hidden, size=size)
    if method in ("lora", "dora"):
        square = delta_parameters(method, fan_in=width, fan_out=width, rank=size)
        up = delta_parameters(method, fan_in=width, fan_out=hidden, rank=size)
        down = delta_parameters(method, fan_in=hidden, fan_out=width, rank=size)
        return layers * (3 * square + up + down)
    read = width + hidden if method == "parallel" else width
    return layers * 2 * size * read


def trainable_percent(*, trainable: int, frozen: int) -> float:
    """100 p / (P + p): trained parameters in percent of all, the added ones included.

    Raises ValueError for p below 1 or P below 0. Source: table 1 of arXiv:2402.09353.
    """
    _positive(trainable=trainable)
    at_least("frozen", frozen, 0)
    return 100 * trainable / (frozen + trainable)


def finetuning_bytes(*, parameters: int, trainable: int | None = None) -> int:
    """Bytes of weights, gradients and Adam's state in mixed precision, without activations.

    Full (None): 2 + 2 + 4 + 4 + 4 = 16 a parameter. Otherwise 2 for each of the frozen `parameters`
    and 16 for each trained one. Raises ValueError for sizes below 1.
    Source: Rajbhandari et al. 2019, arXiv:1910.02054, section 3.1.
    """
    _positive(parameters=parameters)
    if trainable is None:
        return 16 * parameters
    _positive(trainable=trainable)
    return 2 * parameters + 16 * trainable


def finetuning_flops(*, parameters: int, tokens: int, trainable: int | None = None) -> int:
    """Operations of training: 6 P D in full; 4 P D + 6 p D over a frozen base.

    A frozen matrix needs 2 P D forward and 2 P D for the gradients of activations, but none for
    its own. Raises ValueError for sizes below 1. Source: Kaplan et al. 2020, arXiv:2001.08361,
    section 2.1, taken apart; one deck says nothing is saved.
    """
    _positive(parameters=parameters, tokens=tokens)
    if trainable is None:
        return 6 * parameters * tokens
    _positive(trainable=trainable)
    return (4 * parameters + 6 * trainable) * tokens


def task_storage(*, parameters: int, tasks: int, per_task: int | None = None) -> int:
    """Numbers to store for several tasks: T P for full copies (None), else P + T p.

    Raises ValueError for sizes below 1.
    """
    _positive(parameters=parameters, tasks=tasks)
    if per_task is None:
        return tasks * parameters
    _positive(per_task=per_task)
    return parameters + tasks * per_task


def quantized_bits(
    *, bits: int = 4, block_size: int = 64, scale_block_size: int | None = None
) -> float:
    """Bits a parameter: its code and its share of the scales.

    One float32 scale a block; with `scale_block_size` scales of 8 bits and a float32 for each block
    of scales. Raises ValueError for sizes below 1. Source: arXiv:2305.14314, section 3.
    """
    _positive(bits=bits, block_size=block_size)
    if scale_block_size is None:
        return bits + 32 / block_size
    _positive(scale_block_size=scale_block_size)
    return bits + 8 / block_size + 32 / (block_size * scale_block_size)
