"""Cases in which one dim goes far: its size is beyond what any tile, block or vector holds.

A row wider than the block of threads, more rows than a grid has programs for, a tail where the
width is odd: each dim that real models make long is long by itself, so that the oracle has little
to compute. The sizes are odd, so that something is always left over, and multiples of eight.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from conform.draw.case import FLOAT_GENERATORS, Case, derive_seed
from conform.draw.expressions import Unsatisfied
from conform.draw.variant import Drawn, Variant
from conform.law.grammar import LawError, parse
from conform.run.session import Session, variant_of
from conform.run.usual import answered, even, fits, free_sizes, largest_of
from conform.spec.book import Property
from conform.spec.models import OperatorSpec

# Batches, rows, tokens, positions, widths, classes: what models make long. (Heads, head sizes,
# ranks, windows, kernels and layers stay small in all of them, and kernels may say so.)
LONG = frozenset(
    "B B_ N M L Lq Lk S T P E F I O V C A X Y U n m o1 i1 o2 i2 Dh Ds rows columns".split()
)
FAR: tuple[int, ...] = (4099, 2051, 1027, 515, 259, 131, 67)  # the largest that is little work
FAR_BY_EIGHT: tuple[int, ...] = (4104, 2056, 1032, 520, 264, 136, 72)  # where vectors are whole
# What a few of thousands weigh drowns in bfloat16's rounding: fewer of them, or larger last ones.
COARSE = FAR_BY_EIGHT[2:]
NORMAL: tuple[str, ...] = ("normal",)
LATE: tuple[str, ...] = ("late",)
HALF = ("float16", "bfloat16")
ROWS = 1100  # at most, where it is no width
ELEMENTS = 2**18  # of all inputs
COMPUTED = {"agreement": 2**22, "gradient": 2**20}  # of all that the oracle computes on the way
OPERATIONS, OF_MODELS = 500, 4096  # whole models do many whatever the size: few of their cases
NEAR, NEAR_WIDTH = 2, 8  # of every other dim that is free; of widths, where rows are many
BATCH, HEADS = ("B", "B_"), ("H", "K")
ENOUGH = 256  # what is more work is asked of one sequence, or of one head and layer, to get so far


def far_cases(session: Session, law: Property, dtype: str) -> Iterator[tuple[Drawn, Case, Variant]]:
    """A case for every dim that may go far, in one dtype: of odd sizes, and of whole vectors.

    Gradients take longer, and are asked for as many dims as the profile says. Values in half
    precision, where vectors are longer, are asked at whole vectors; in quick runs of the width
    alone, in the finer of the two that are claimed.
    """
    if session.interprets:  # thousands of programs, one after the other
        return
    asked = _asked(session, law, dtype)
    begin = session.dtypes.index(dtype) if dtype in session.dtypes else 0
    drawn = session.drawn(law.operator, begin + len(asked))[-len(asked) :]
    pairs = list(zip(drawn, asked, strict=False))
    stacked = _stacked(session.book.operator(law.operator).spec)
    models = [(item, far) for item, far in pairs if far.name not in stacked]
    few = session.profile.far_gradients
    for tried, operations, most in ((pairs, OPERATIONS, len(pairs)), (models, OF_MODELS, few)):
        left = most
        for item, far in tried:
            found = _farthest(session, law, item, dtype, far, operations)
            if found is not None:
                yield item, *found
                left -= 1
            if not left:
                return
        if left < most:
            return


@dataclass(frozen=True)
class _Far:
    """A dim that is to go far, the sizes to try, the regime, and whether the case is plain."""

    name: str
    pool: tuple[int, ...]
    regimes: tuple[str, ...]
    plain: bool


def _asked(session: Session, law: Property, dtype: str) -> list[_Far]:
    spec = session.book.operator(law.operator).spec
    names = _long_dims(spec, derive_seed(session.seed, law.operator, "far"))
    widths = _widths(spec)
    every = session.profile.far_by_eight
    half = [name for name in HALF if name in session.dtypes]
    if dtype == ("float32" if "float32" in session.dtypes else session.dtypes[0]):
        # Every other one is plain (the dims change places from seed to seed), of many options both.
        both = law.kind == "agreement" and session.many_options(law.operator)
        odd = [_Far(name, FAR, NORMAL, place % 2 == 1) for place, name in enumerate(names)]
        asked = odd + [replace(far, plain=not far.plain) for far in odd] * both
        whole = [replace(far, pool=FAR_BY_EIGHT, plain=not far.plain) for far in odd]
        asked += whole * every
        return asked[: session.profile.far_gradients] if law.kind == "gradient" else asked
    if law.kind == "agreement" and dtype in half[: None if every else 1]:
        chosen = names[: None if every else 1]
        return [_Far(name, *_half(dtype, name in widths), True) for name in chosen]
    return []


def _half(dtype: str, width: bool) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sizes and regimes in half precision."""
    if dtype == "float16":
        return FAR_BY_EIGHT, NORMAL
    return (FAR_BY_EIGHT, LATE) if width else (COARSE, NORMAL)


def _long_dims(spec: OperatorSpec, seed: int) -> list[str]:
    """The dims that may go far: the width of the first input first, the others as they come."""
    names = [name for name, text in spec.dims.items() if name in LONG and _long(parse(text))]
    random.Random(seed).shuffle(names)
    first = _widths(spec)[:1]
    return sorted(names, key=lambda name: name not in first)


def _widths(spec: OperatorSpec) -> list[str]:
    """The last dims of the float inputs."""
    shapes = [x.shape for x in spec.inputs.values() if x.values in FLOAT_GENERATORS]
    return [shape[-1] for shape in shapes if shape]


def _long(node: ast.expr) -> bool:
    """Whether the size hangs on no other one, or is a length of its own."""
    if largest_of(node):
        return True
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    return node.func.id == "length" or (
        node.func.id == "choose" and any(_long(item) for item in node.args)
    )


def _farthest(
    session: Session,
    law: Property,
    drawn: Drawn,
    dtype: str,
    far: _Far,
    operations: int,
) -> tuple[Case, Variant] | None:
    """The drawn case with the dim as large as is little work, and the others small."""
    spec = session.book.operator(law.operator).spec
    name, pool = far.name, far.pool
    own = replace(variant_of(law), regimes=far.regimes, sized=True, plain=far.plain)
    if name not in _widths(spec):
        pool = tuple(size for size in pool if size <= ROWS)
    if even(parse(spec.dims[name])) and pool[-1] % 2:
        pool = tuple(size + 3 for size in pool)
    for near, least in _nears(spec, name):
        for size in pool:
            if size < least:
                break
            dims = {**near, **own.dims, name: str(size)}
            variant = replace(own, dims=dims)
            try:
                case = session.case_of(law, drawn, None, variant)
            except (Unsatisfied, LawError):
                continue
            if case.dims[name] < pool[-1]:
                return None  # the target's limits
            if fits(spec, case, ELEMENTS) and answered(
                session, law, case, dtype, COMPUTED[law.kind], operations
            ):
                return case, variant
    return None


def _nears(spec: OperatorSpec, far: str) -> list[tuple[dict[str, str], int]]:
    """What to try for the other dims, one after the other, and how far that has to get."""
    near = _near(spec, far)
    alone = {**near, **{name: "1" for name in near if name in BATCH}}
    few = (*HEADS, *_stacked(spec))
    single = {**alone, **{name: "1" for name in near if name in few}}
    single.pop("D", None)  # as drawn: a norm of two features tells nothing
    return [(near, ENOUGH), (alone, ENOUGH), (single, ENOUGH), (near, 0), ({}, 0)]


def _stacked(spec: OperatorSpec) -> set[str]:
    """Layers (or experts): dims along which matrices are stacked."""
    shapes = [x.shape or () for x in spec.inputs.values() if x.values == "weights"]
    return {shape[0] for shape in shapes if len(shape) > 2}


def _near(spec: OperatorSpec, far: str) -> dict[str, str]:
    """Small sizes for the other dims that are free."""
    widths = _widths(spec)
    rows = far not in widths
    names = [name for name in free_sizes(spec) if name != far]
    return {name: str(NEAR_WIDTH if rows and name in widths else NEAR) for name in names}
