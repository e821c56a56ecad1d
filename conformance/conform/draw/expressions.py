"""Draw expressions: the vocabulary of `dims`, `options`, `values` and `draw`, over a chooser."""

from __future__ import annotations

import ast
import math
import operator as op
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from conform.draw.case import FLOAT_GENERATORS, Source, Value
from conform.law.grammar import LawError, parse

LENGTHS = (1, 2, 3, 5, 7, 12, 13, 15, 16, 17, 31, 32, 33, 36, 47, 63, 64, 65, 97, 127, 128, 129)
MAX_ELEMENTS = 2**22
WIDE = 4  # a range of so many integers or more is also asked for at its ends


class Unsatisfied(Exception):
    """The expression has no value here, e.g. int(3, 2); the case does not apply."""


class Chooser(Protocol):
    """Where the choices come from: Hypothesis, or a fixed list when shrinking."""

    def integer(self, low: int, high: int, label: str) -> int:
        """An integer in [low, high]."""

    def pick(self, count: int, label: str) -> int:
        """An index below count."""

    def stratum(self, count: int, label: str) -> int:
        """An index below count that is spread evenly over the cases of a run."""


def _between(node: ast.Call, value: int) -> bool:
    """Whether a size lies among listed ones and has in common with them what they have."""
    values = [item.value for item in node.args if isinstance(item, ast.Constant)]
    listed = [n for n in values if isinstance(n, int) and not isinstance(n, bool)]
    if len(listed) < max(len(node.args), 2):
        return False
    kinds: tuple[Callable[[int], bool], ...] = (
        lambda n: n % 2 == 1,
        lambda n: math.isqrt(n) ** 2 == n,
    )
    return (
        min(listed) < value < max(listed)
        and value % math.gcd(*listed) == 0
        and all(kind(value) for kind in kinds if len(listed) > 2 and all(map(kind, listed)))
    )


class DrawScope:
    """Evaluates draw expressions; `names` are the values drawn so far."""

    def __init__(self, chooser: Chooser, names: dict[str, Any]) -> None:
        self.chooser = chooser
        self.names = names
        self.label = ""

    def draw(self, text: str, label: str) -> Value:
        """The value of an expression; a `choose` at its top is stratified."""
        self.label = label
        node = parse(text)
        try:
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "choose":
                index = self.chooser.stratum(len(node.args), label)
                return self._checked(self.eval(node.args[index]), label)
            return self._checked(self.eval(node), label)
        except (ArithmeticError, TypeError, IndexError, ValueError) as error:
            raise LawError(f"the draw expression has no value: {error}", text=text) from None

    def allows(self, text: str, value: int) -> bool:
        """Whether an expression that names no other size may be `value`."""
        return self._allows(parse(text), value)

    def offers(self, text: str, value: object) -> bool:
        """Whether an expression is a choice, here, that names `value` among its alternatives."""
        node = parse(text)
        while isinstance(node, ast.IfExp):
            node = node.body if self.eval(node.test) else node.orelse
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "choose"):
            return False
        return ast.dump(ast.parse(repr(value), mode="eval").body) in map(ast.dump, node.args)

    def _allows(self, node: ast.expr, value: int) -> bool:
        if isinstance(node, ast.Constant):
            return node.value == value
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return False
        if node.func.id == "choose":
            return any(self._allows(item, value) for item in node.args) or _between(node, value)
        if not all(isinstance(item, ast.Constant) for item in node.args):
            return False
        bounds = [self.eval(item) for item in node.args]
        if node.func.id == "int":
            return bool(bounds[0] <= value <= bounds[1])
        return node.func.id == "length" and not node.keywords and value in _lengths_to(*bounds)

    def _checked(self, value: Any, label: str) -> Value:
        if isinstance(value, Source):
            key = value.key or label
            return Source(**{**value.__dict__, "key": key})
        return value  # type: ignore[no-any-return]

    def eval(self, node: ast.expr) -> Any:
        """Value of a node."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            if node.id not in self.names:
                raise LawError(
                    f"unknown name {node.id!r} in a draw expression",
                    text=node.id,
                    column=node.col_offset,
                )
            return self.names[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return _BINARY[type(node.op)](self.eval(node.left), self.eval(node.right))
        if isinstance(node, ast.UnaryOp):
            value = self.eval(node.operand)
            return -value if isinstance(node.op, ast.USub) else not value
        if isinstance(node, ast.BoolOp):
            return self._boolean(node)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return _COMPARE[type(node.ops[0])](self.eval(node.left), self.eval(node.comparators[0]))
        if isinstance(node, ast.IfExp):
            return self.eval(node.body if self.eval(node.test) else node.orelse)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._call(node, node.func.id)
        raise LawError(
            f"{type(node).__name__} has no meaning in a draw expression",
            column=getattr(node, "col_offset", 0),
        )

    def _boolean(self, node: ast.BoolOp) -> Any:
        stop = isinstance(node.op, ast.Or)
        value: Any = None
        for item in node.values:
            value = self.eval(item)
            if bool(value) is stop:
                return value
        return value

    def _call(self, node: ast.Call, name: str) -> Any:
        if name == "choose":
            return self.eval(node.args[self.chooser.pick(len(node.args), self.label)])
        function = FUNCTIONS.get(name)
        if function is None:
            raise LawError(f"unknown draw function {name!r}", text=name, column=node.col_offset)
        args: list[Any] = []
        for item in node.args:
            if isinstance(item, ast.Starred):
                args.extend(self.eval(item.value))
            else:
                args.append(self.eval(item))
        keywords = {k.arg: self.eval(k.value) for k in node.keywords if k.arg}
        try:
            value = function(self, *args, **keywords)
            return _with_symbols(value, node) if isinstance(value, Source) else value
        except TypeError as error:
            raise LawError(f"{name}: {error}", text=name, column=node.col_offset) from None


def _with_symbols(source: Source, node: ast.Call) -> Source:
    """Remember which sizes were named, e.g. B, so that a batch element can be taken."""
    if source.symbols or len(node.args) < len(source.shape) or not source.shape:
        return source
    tail = node.args[len(node.args) - len(source.shape) :]
    symbols = tuple(item.id if isinstance(item, ast.Name) else "" for item in tail)
    return Source(**{**source.__dict__, "symbols": symbols})


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: op.add, ast.Sub: op.sub, ast.Mult: op.mul, ast.Div: op.truediv,
    ast.FloorDiv: op.floordiv, ast.Mod: op.mod,
    ast.Pow: lambda a, b: a**b if abs(b) <= 32 and abs(a) <= 2**20 else _too_large(),
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: op.eq, ast.NotEq: op.ne, ast.Lt: op.lt, ast.LtE: op.le, ast.Gt: op.gt, ast.GtE: op.ge,
    ast.Is: op.is_, ast.IsNot: op.is_not,
}  # fmt: skip


def _too_large() -> Any:
    raise LawError("a power in a draw expression is too large")


def _int(scope: DrawScope, low: int, high: int) -> int:
    if high < low:
        raise Unsatisfied(f"int({low}, {high}) is empty")
    drawn = scope.chooser.integer(int(low), int(high), scope.label)
    if high - low >= WIDE and not scope.label.startswith("draw."):
        # Off by one shows at the ends; what a law draws, an index mostly, says least there.
        return {0: int(low), 1: int(high)}.get(
            scope.chooser.stratum(8, scope.label + ".end"), drawn
        )
    return drawn


def _lengths_to(maximum: int = 129) -> list[int]:
    return [n for n in LENGTHS if n <= maximum]


def _length(scope: DrawScope, maximum: int = 129, **keywords: int) -> int:
    pool = _lengths_to(keywords.get("max", maximum))
    groups = [g for g in (pool[:3], pool[3:12], pool[12:]) if g]
    group = groups[scope.chooser.pick(len(groups), scope.label + ".size")]
    return group[scope.chooser.pick(len(group), scope.label)]


def _divisor(scope: DrawScope, n: int) -> int:
    divisors = [d for d in range(1, n + 1) if n % d == 0]
    return divisors[scope.chooser.pick(len(divisors), scope.label)]


def _dyadic(scope: DrawScope, low: float, high: float) -> float:
    return scope.chooser.integer(round(low * 8), round(high * 8), scope.label) / 8


def _uniform(scope: DrawScope, low: float, high: float, *shape: int) -> Any:
    if shape:
        return Source("uniform", sizes(shape), (float(low), float(high)))
    return low + (high - low) * scope.chooser.integer(0, 2**20, scope.label) / 2**20


def sizes(shape: Sequence[Any]) -> tuple[int, ...]:
    """A shape from drawn values; Unsatisfied when it is negative or too large."""
    result = tuple(int(n) for n in shape)
    total = 1
    for n in result:
        total *= max(n, 0)
    if any(n < 0 for n in result) or total > MAX_ELEMENTS:
        raise Unsatisfied(f"shape {result}")
    return result


def _like(scope: DrawScope, source: Any) -> Source:
    if not isinstance(source, Source):
        raise LawError("like(x) takes a drawn tensor")
    return Source(**{**source.__dict__, "key": scope.label, "layout": "contiguous"})


def _source(generator: str, arguments: int = 0) -> Callable[..., Source]:
    def make(scope: DrawScope, *values: Any) -> Source:
        args, shape = values[:arguments], values[arguments:]
        return Source(generator, sizes(shape), tuple(args))

    return make


def _broadcast(scope: DrawScope, source: Any, whole: int = 1) -> Source:
    """The tensor in any shape that broadcasts to its own, except for the last `whole` dims.

    Dims are 1, and first ones of these left out, as long as two stay: several libraries take no
    masks of one dim, which a law of their own asks for.
    """
    if not isinstance(source, Source):
        raise LawError("broadcast(mask(...)) takes a drawn tensor")
    rank, pick = len(source.shape), scope.chooser.pick
    kept = [d >= rank - whole or pick(2, f"{scope.label}.dim{d}") == 1 for d in range(rank)]
    shape = [n if keep else 1 for n, keep in zip(source.shape, kept, strict=True)]
    symbols = source.symbols or ("",) * rank
    names = [name if keep else "" for name, keep in zip(symbols, kept, strict=True)]
    spare = min([*kept, True].index(True), max(rank - 2, 0))
    left = spare * pick(2, f"{scope.label}.short")
    changes = {"shape": tuple(shape[left:]), "symbols": tuple(names[left:])}
    return Source(**{**source.__dict__, **changes})


def _splits(scope: DrawScope, pieces: int, total: int) -> Source:
    return Source("splits", (int(pieces) + 1,), (int(pieces), int(total)))


def _lengths(scope: DrawScope, batch: int, size: int) -> Source:
    return Source("lengths", (int(batch),), (int(batch), int(size)))


def _sublayer(scope: DrawScope, width: int) -> Source:
    names = ("identity", "zero", "tanh", "linear")
    return Source(
        "sublayer", (), (names[scope.chooser.stratum(4, f"{scope.label}.kind")], int(width))
    )


def _named_parameters(scope: DrawScope) -> Source:
    return Source("named_parameters")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "int": _int, "length": _length, "divisor": _divisor, "dyadic": _dyadic, "uniform": _uniform,
    "like": _like, "broadcast": _broadcast, "splits": _splits, "lengths": _lengths,
    "sublayer": _sublayer,
    "named_parameters": _named_parameters,
    "integers": _source("integers", 2), "tokens": _source("tokens", 1),
    "mask": _source("mask"), "positions": _source("positions"),
    "permutation": _source("permutation"),
    **{name: _source(name) for name in sorted(FLOAT_GENERATORS - {"regime", "uniform"})},
    "min": lambda scope, *values: min(values), "max": lambda scope, *values: max(values),
    "abs": lambda scope, value: abs(value),
}  # fmt: skip
NAMES = frozenset(FUNCTIONS) | {"choose"}
