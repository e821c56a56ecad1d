"""Cases at the sizes that real models have, several at once, beside the small drawn ones.

Kernels are compiled, tuned and branched by size; a law cannot be written for every size of every
operator. What no contract allows (more choices than experts) the oracle tells.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from conform.draw.case import Case, Source, derive_seed
from conform.draw.choosers import ReplayChooser, stratified
from conform.draw.expressions import LENGTHS, DrawScope, Unsatisfied
from conform.draw.variant import Drawn, Variant
from conform.law.grammar import LawError, parse
from conform.run.session import Session, variant_of
from conform.spec.book import Property
from conform.spec.models import OperatorSpec
from conform_reference.rounding import marks

SIZES = (
    4, 5, 6, 7, 8, 9, 10, 12, 14, 20, 24, 28, 36, 40, 48, 56, 64, 72, 80, 96, 100, 112, 128, 130,
    160, 192, 256,
)  # fmt: skip
LARGER = 16  # times the largest size that is drawn,
FEW, LARGER_THAN_FEW = 4, 4  # but a few layers or steps do not become dozens
SQUARE = (6, 4, 8)  # sizes that all dims take at once
ELEMENTS = 2**15  # of all inputs
RESULTS = 2**18  # of all results
COMPUTED = 2**17  # of all that the oracle computes on the way, in other orders as well,
OPERATIONS = 4096  # one after the other


def usual_cases(
    session: Session, law: Property, dtype: str, count: int
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """Up to `count` cases of the operator whose free sizes are usual ones, as far as they fit.

    Every other one is plain, as most calls are: contiguous, of many options none.
    """
    operator = session.book.operator(law.operator)
    free = free_sizes(operator.spec)
    if not free:
        return
    salt = (session.seed, law.operator, law.kind)
    begin = session.dtypes.index(dtype) * count if dtype in session.dtypes else 0
    for index in range(begin, begin + count):
        drawn = session.drawn(law.operator, index + 1)
        if index >= len(drawn):
            return
        found = _usual(session, law, drawn[index], dtype, free, index, salt)
        if found is not None:
            yield drawn[index], *found


def equal_case(
    session: Session, law: Property, dtype: str
) -> Iterator[tuple[Drawn, Case, Variant]]:
    """A case in which every free size is the same, as far as that is legal; in one dtype.

    Of many options also a plain one.

    A matrix read along its other axis, or a wrong axis, goes through where sizes agree.
    """
    if dtype != ("float32" if "float32" in session.dtypes else session.dtypes[0]):
        return
    free = free_sizes(session.book.operator(law.operator).spec)
    size = SQUARE[derive_seed(session.seed, law.operator, "square") % len(SQUARE)]
    sizes = {name: size for name, pool in free.items() if size in pool}
    drawn = session.drawn(law.operator, 1)
    if len(sizes) < 2 or not drawn:
        return
    for plain in (False, True)[: 1 + session.many_options(law.operator)]:
        own = replace(variant_of(law), plain=plain)
        found = _fitting(
            session, law, drawn[0], own, sizes, lambda case: answered(session, law, case, dtype)
        )
        if found is not None:
            yield drawn[0], *found


def free_sizes(spec: OperatorSpec) -> dict[str, tuple[int, ...]]:
    """Dims that hang on no other one, with the usual sizes that each may have.

    Up to a few times the largest that is drawn; even where all drawn ones are (pairs, packed
    codes).
    """
    found = {}
    for name, text in spec.dims.items():
        node = parse(text)
        largest = largest_of(node)
        step = 2 if even(node) else 1
        times = LARGER_THAN_FEW if largest <= FEW else LARGER
        if largest:
            found[name] = tuple(n for n in SIZES if n <= largest * times and n % step == 0)
    return found


def even(node: ast.expr) -> bool:
    """Whether it is a choice between even sizes."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "choose"):
        return False
    return all(
        isinstance(item, ast.Constant) and isinstance(item.value, int) and item.value % 2 == 0
        for item in node.args
    )


def largest_of(node: ast.expr) -> int:
    """The largest size that an expression gives by itself; 0 when it always hangs on others."""
    if isinstance(node, ast.Constant):
        return int(node.value) if isinstance(node.value, int) else 0
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = largest_of(node.left), largest_of(node.right)
        return sum(parts) if all(parts) else 0
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return 0
    sizes = [largest_of(item) for item in node.args]
    if node.func.id == "choose":
        return max(sizes, default=0)
    if node.func.id == "length":
        return max(sizes, default=LENGTHS[-1])
    return sizes[-1] if node.func.id == "int" and all(sizes) else 0


def _usual(
    session: Session,
    law: Property,
    drawn: Drawn,
    dtype: str,
    free: dict[str, tuple[int, ...]],
    index: int,
    salt: object,
) -> tuple[Case, Variant] | None:
    """As many sizes as fit together; when the oracle refuses them, one after the other."""
    names = list(free)
    random.Random(derive_seed(salt, index, "order")).shuffle(names)
    sizes = {
        name: pool[stratified(len(pool), index, (salt, name), favour_first=False)]
        for name in names
        if (pool := free[name])
    }
    own = replace(variant_of(law), plain=index % 2 == 0)
    best = _fitting(session, law, drawn, own, sizes, lambda case: True)
    if best is None or answered(session, law, best[0], dtype):
        return best
    return _fitting(
        session, law, drawn, own, sizes, lambda case: answered(session, law, case, dtype)
    )


def _fitting(
    session: Session,
    law: Property,
    drawn: Drawn,
    own: Variant,
    sizes: dict[str, int],
    accepted: Callable[[Case], bool],
) -> tuple[Case, Variant] | None:
    """The drawn case with as many of `sizes` as are legal, small enough and `accepted`."""
    best: tuple[Case, Variant] | None = None
    dims = dict[str, str]()
    for name, size in sizes.items():
        # (In the law's own regimes: gradients are asked away from kinks and ties.)
        variant = replace(own, dims={**own.dims, **dims, name: str(size)}, sized=True)
        try:
            case = session.case_of(law, drawn, None, variant)
        except (Unsatisfied, LawError):
            continue
        if fits(session.book.operator(law.operator).spec, case) and accepted(case):
            best, dims = (case, variant), {**dims, name: str(size)}
    return best


def _elements(source: Source) -> int:
    """How many; a sublayer's weight is a matrix."""
    linear = source.is_callable and source.args[:1] == ("linear",)
    return int(source.args[1] or 1) ** 2 if linear else prod(source.shape)


def fits(spec: OperatorSpec, case: Case, elements: int = ELEMENTS) -> bool:
    """Whether inputs and results are small enough, as far as the spec tells the results' shapes."""
    values = [*case.inputs.values(), *case.options.values()]
    if sum(_elements(x) for x in values if isinstance(x, Source)) > elements:
        return False
    names = {**case.dims, **case.inputs, **case.options}
    scope = DrawScope(ReplayChooser({}, case.index, case.seed, ""), names)
    total = 0
    for result in spec.results:
        texts = [text for text in result.shape or () if text != "..."]
        try:
            total += prod(int(scope.draw(text, text)) for text in texts)  # type: ignore[arg-type, misc]
        except (LawError, Unsatisfied, TypeError):
            continue  # its shape is the law language's business
    return total <= RESULTS


class _TooMuch(Exception):
    """More is computed than there is time for."""


class _Counted(TorchDispatchMode):
    """Adds up the elements of what is computed, and the operations."""

    def __init__(self, elements: int, operations: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.elements = elements
        self.operations = operations

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True imports all of dynamo, for nothing here

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and not function.is_view:
            self._take(made)
        return made

    def _take(self, made: torch.Tensor) -> None:
        self.elements -= made.numel()
        self.operations -= 1
        if self.elements < 0 or self.operations < 0:
            raise _TooMuch

    def mark(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """What only gradients are rounded at is computed by nothing else: every tap of a kernel
        rounds the gradient of the whole image."""
        if name.startswith("backward."):
            self._take(x)
        return x


def answered(
    session: Session,
    law: Property,
    case: Case,
    dtype: str,
    elements: int = COMPUTED,
    operations: int = OPERATIONS,
) -> bool:
    """Whether the oracle takes the case, and has the result with little work."""
    try:
        calls = session.fresh_calls(law.operator, case, dtype, judging=False)
        options = calls.full_options(law.operator, calls.material.options)
        counted = _Counted(elements, operations)
        hook = counted.mark if law.kind == "gradient" else lambda name, x: x
        with marks(hook), counted:
            session.oracle(law.operator)(calls.material.inputs, options, dtype)
    except (ValueError, RuntimeError, IndexError, _TooMuch):
        return False
    return True
