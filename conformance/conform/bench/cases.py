"""What is timed: shapes that models have, and the bytes and flops that they cannot do without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch

from conform.bench import trusted
from conform.bench.timing import Case
from conform_reference.feed_forward import gelu, glu_feed_forward, swish
from conform_reference.loss import language_model_loss, linear_language_model_loss
from conform_reference.norm import add_rms_norm, layer_norm, rms_norm
from conform_reference.position import rope

DTYPE = torch.bfloat16
_SIZE = 2  # bytes of an element
Draw = Callable[[torch.Generator], dict[str, torch.Tensor]]


def all_cases() -> tuple[Case, ...]:
    """Every case, in the order of the table."""
    return (*_attention(), *_decode(), *_norms(), *_elementwise(), *_rope(), *_losses())


def _normal(shape: tuple[int, ...], generator: torch.Generator, scale: float = 1.0) -> torch.Tensor:
    drawn = torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)
    return (drawn * scale).to(DTYPE)


def _tensors(
    shapes: Mapping[str, tuple[int, ...]], scales: Mapping[str, float] | None = None
) -> Draw:
    """Normal values, times a scale where one is given; gains are near one."""

    def draw(generator: torch.Generator) -> dict[str, torch.Tensor]:
        sizes = scales or {}
        made = {n: _normal(s, generator, sizes.get(n, 1.0)) for n, s in shapes.items()}
        return made | {n: made[n] * 0.1 + 1 for n in made if n == "gamma"}

    return draw


def _attention() -> Iterator[Case]:
    """16384 tokens at each length, heads of 128; grouped queries once."""
    shapes = [(16384 // length, 16, 16, length) for length in (4096, 8192, 16384)]
    for backward in (False, True):
        for batch, heads, kv, length in (*shapes, (2, 32, 8, 8192)):
            for causal in (False, True) if heads == kv else (True,):
                yield _one_attention(batch, heads, kv, length, causal, backward)


def _one_attention(
    batch: int, heads: int, kv: int, length: int, causal: bool, backward: bool
) -> Case:
    q, k = (batch, heads, length, 128), (batch, kv, length, 128)
    shapes = {"q": q, "k": k, "v": k} | ({"up": q} if backward else {})
    pairs = batch * heads * length * (length + 1) / 2 if causal else batch * heads * length**2
    large, small = _SIZE * batch * heads * length * 128, _SIZE * batch * kv * length * 128
    way, kind = "backward" if backward else "forward", "causal" if causal else "full"
    grouped = "" if heads == kv else f" gqa {heads}/{kv}"
    check = trusted.attention_gradients if backward else trusted.attention
    return Case(
        name=f"attention {way} {kind} {length}{grouped}",
        operator="attention",
        shape=f"bfloat16, B={batch} H={heads} K={kv} L={length} D=128",
        draw=_tensors(shapes),
        trusted=partial(check, causal=causal),
        flops=4 * pairs * 128 * (2.5 if backward else 1),
        read=(large * 3 if backward else large) + 2 * small,
        written=large + (2 * small if backward else 0),
        arguments=("q", "k", "v"),
        options={"causal": causal},
        wrt=("q", "k", "v") if backward else (),
    )


def _decode() -> Iterator[Case]:
    for batch, kv, capacity in ((16, 8, 16384), (64, 8, 4096), (1, 8, 131072)):
        shapes = {"q": (batch, 32, 1, 128), "k": (batch, kv, capacity, 128)}
        draw = _tensors(shapes | {"v": shapes["k"]})
        cache = 2.0 * _SIZE * batch * kv * capacity * 128
        yield Case(
            name=f"decode {batch} x {capacity}",
            operator="decode_attention",
            shape=f"bfloat16, B={batch} H=32 K={kv} S={capacity} D=128",
            draw=partial(_with_lengths, draw, batch, capacity),
            trusted=partial(trusted.attention, causal=False),
            flops=4.0 * batch * 32 * capacity * 128,
            read=cache,
            written=_SIZE * batch * 32 * 128,
            arguments=("q", "k", "v", "lengths"),
        )


def _with_lengths(
    draw: Draw, batch: int, capacity: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    lengths = torch.full((batch,), capacity, dtype=torch.int64, device=generator.device)
    return draw(generator) | {"lengths": lengths}


def _moving(
    operator: str,
    function: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]],
    shape: tuple[int, ...],
    vectors: tuple[str, ...],
    backward: bool,
    *,
    streams: tuple[str, ...] = ("x",),
    results: int = 1,
) -> Case:
    """An operator that only moves memory: each of its streams once, vectors beside them."""
    arguments = (*streams, *vectors)
    shapes = dict.fromkeys(streams, shape) | dict.fromkeys(vectors, shape[-1:])
    count = float(torch.Size(shape).numel()) * _SIZE
    way = "backward" if backward else "forward"
    wrt = arguments if backward else ()
    return Case(
        name=f"{operator} {way} {'x'.join(map(str, shape))}",
        operator=operator,
        shape=f"bfloat16, {list(shape)}",
        draw=_tensors(shapes | ({"up": shape} if backward else {})),
        trusted=trusted.by_reference(function, arguments, wrt),
        flops=0.0,
        read=count * (len(streams) + backward),
        written=count * (len(streams) if backward else results),
        arguments=arguments,
        wrt=wrt,
    )


def _norms() -> Iterator[Case]:
    for shape in ((16384, 4096), (4096, 16384)):
        for backward in (False, True):
            yield _moving("rms_norm", rms_norm, shape, ("gamma",), backward)
            yield _moving("layer_norm", layer_norm, shape, ("gamma", "beta"), backward)
    yield _moving("add_rms_norm", add_rms_norm, (16384, 4096), ("gamma",), False,
                  streams=("x", "residual"), results=2)  # fmt: skip


def _elementwise() -> Iterator[Case]:
    for name, function in (("gelu", gelu), ("swish", swish)):
        for backward in (False, True):
            yield _moving(name, function, (16384, 8192), (), backward)
    rows, width, hidden = 8192, 4096, 11008
    shapes = {"x": (rows, width), "W": (width, hidden), "V": (width, hidden), "W2": (hidden, width)}
    scales = {"W": width**-0.5, "V": width**-0.5, "W2": hidden**-0.5}
    for backward in (False, True):
        names = tuple(shapes)
        wrt = names if backward else ()
        extra = {"up": (rows, width)} if backward else {}
        bytes_ = _SIZE * float(2 * rows * width + 3 * width * hidden)
        yield Case(
            name=f"glu_feed_forward {'backward' if backward else 'forward'}",
            operator="glu_feed_forward",
            shape=f"bfloat16, swish, {rows} rows, {width} to {hidden}",
            draw=_tensors(shapes | extra, scales),
            # The hidden rows are rounded twice on the way, more often backward.
            trusted=trusted.by_reference(glu_feed_forward, names, wrt, around=4.0),
            flops=6.0 * rows * width * hidden * (2 if backward else 1),
            read=bytes_ - _SIZE * rows * width,
            written=_SIZE * float(rows * width + (3 * width * hidden if backward else 0)),
            arguments=names,
            wrt=wrt,
        )


def _rope() -> Iterator[Case]:
    shape = (2, 32, 8192, 128)
    count = float(torch.Size(shape).numel()) * _SIZE
    for backward in (False, True):
        draw = _tensors({"x": shape} | ({"up": shape} if backward else {}))
        wrt = ("x",) if backward else ()
        yield Case(
            name=f"rope {'backward' if backward else 'forward'}",
            operator="rope",
            shape=f"bfloat16, {list(shape)}",
            draw=partial(_with_positions, draw, shape[2]),
            trusted=trusted.by_reference(rope, ("x", "positions"), wrt),
            flops=0.0,
            read=count,
            written=count,
            arguments=("x", "positions"),
            wrt=wrt,
        )


def _with_positions(draw: Draw, length: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    return draw(generator) | {"positions": torch.arange(length, device=generator.device)}


def _loss_way(backward: bool) -> str:
    # Some make the gradient in the forward pass: only both together can be compared.
    return "forward and backward" if backward else "forward"


def _losses() -> Iterator[Case]:
    for words in (32000, 128256):
        logits = float(8192 * words * _SIZE)
        for backward in (False, True):
            yield Case(
                name=f"language_model_loss {_loss_way(backward)} {words}",
                operator="language_model_loss",
                shape=f"bfloat16 logits [4, 2048, {words}]",
                # Large logits: targets shifted by one would hardly change the mean of small ones.
                draw=partial(_with_tokens, _tensors({"logits": (4, 2048, words)}, {"logits": 4.0}),
                             words, backward),
                trusted=trusted.by_reference(
                    language_model_loss, ("logits", "tokens"), ("logits",) if backward else (),
                    own=2.0 if backward else 0.5, around=0.25 if backward else 0.0,
                ),
                flops=0.0,
                read=logits,
                written=logits if backward else 0.0,
                arguments=("logits", "tokens"),
                wrt=("logits",) if backward else (),
                together=backward,
            )  # fmt: skip
    width, words = 4096, 32000
    draw = _tensors({"x": (4, 2048, width), "weight": (words, width)}, {"weight": width**-0.5})
    for backward in (False, True):
        yield Case(
            name=f"linear_language_model_loss {_loss_way(backward)}",
            operator="linear_language_model_loss",
            shape=f"bfloat16, x [4, 2048, {width}], weight [{words}, {width}]",
            draw=partial(_with_tokens, draw, words, backward),
            trusted=trusted.by_reference(
                linear_language_model_loss, ("x", "weight", "tokens"),
                ("x", "weight") if backward else (), own=2.0 if backward else 0.5,
                around=4.0 if backward else 0.0,
            ),
            flops=2.0 * 8192 * width * words * (3 if backward else 1),
            read=_SIZE * float(8192 * width + words * width),
            written=_SIZE * float(8192 * width + words * width) if backward else 0.0,
            arguments=("x", "weight", "tokens"),
            wrt=("x", "weight") if backward else (),
            together=backward,
        )  # fmt: skip


def _with_tokens(
    draw: Draw, words: int, backward: bool, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    where = generator.device
    tokens = torch.randint(0, words, (4, 2048), generator=generator, device=where)
    up = {"up": torch.ones((), device=where)} if backward else {}
    return draw(generator) | {"tokens": tokens} | up
