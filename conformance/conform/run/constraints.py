"""A claim's limits, fixed options and `requires` as constraints on drawing."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from conform.draw.case import Case
from conform.draw.variant import LAYOUTS, Constraints
from conform.errors import ConformError
from conform.law.evaluate import Evaluator
from conform.law.grammar import LawError, free_names, parse
from conform.nearest import nearest
from conform.spec.book import Operator
from conform.spec.dims import dims_of
from conform.target.claims import OperatorClaim
from conform.target.limits import Limit, within


def constraints_of(operator: Operator, claim: OperatorClaim) -> Constraints:
    """What may be drawn for a target that claims the operator like this."""
    conditions = [_condition(operator, text) for text in claim.requires]
    equal = _equalities(conditions)

    def limit(name: str, value: Any) -> Any:
        return _limited(claim.limits, name, value)

    def accept(case: Case) -> bool:
        names: dict[str, Any] = {**case.dims, **case.inputs, **case.options}
        evaluator = Evaluator(names, {}, _NoCaller(), frozenset(), operator.name)
        return all(_holds(evaluator, node, case) for node in conditions)

    return Constraints(
        frozenset(claim.options),
        dict(claim.fixed),
        limit,
        accept,
        LAYOUTS.get(claim.strides, LAYOUTS["any"]),
        equal,
    )


def outside(
    operator: Operator, claim: OperatorClaim, args: tuple[Any, ...], options: Mapping[str, Any]
) -> str:
    """Why a call that a law makes is not one the target takes, or an empty string."""
    if not claim.requires and not claim.limits:
        return ""
    spec = operator.spec
    defaults = {name: option.default for name, option in spec.options.items()}
    names = {
        **dims_of(spec, args, options),
        **defaults,
        **claim.fixed,
        **options,
        **dict(zip(spec.inputs, args, strict=False)),
    }
    evaluator = Evaluator(names, {}, _NoCaller(), frozenset(), operator.name)
    for text in claim.requires:
        try:
            if not bool(evaluator.value(parse(text))):
                return text
        except LawError:
            continue  # a dim that this call does not show
        except TypeError:
            return text  # an option that is not given is not 2 or more
    return within(claim.limits, names) or ""


def _holds(evaluator: Evaluator, node: ast.expr, case: Case) -> bool:
    """A condition on a drawn case, whose tensors have no values yet."""
    try:
        return bool(evaluator.value(node))
    except (LawError, TypeError, AttributeError, ValueError, RuntimeError):
        if any(case.options.get(name, 0) is None for name in free_names(node)):
            return False  # an option that is not given is not 2 or more
        raise ConformError(
            "bad-requires",
            f"requires={ast.unparse(node)!r}: cannot be decided from sizes and options",
            hint="conditions are over dims and plain options; of a tensor only `is None` and "
            "`is not None` can be asked, since its values come later",
        ) from None


class _NoCaller:
    def __getattr__(self, name: str) -> Any:
        raise LawError("operators cannot be called in `requires`")


def _condition(operator: Operator, text: str) -> ast.expr:
    known = {*operator.spec.dims, *operator.spec.inputs, *operator.spec.options}
    try:
        node = parse(text)
    except LawError as error:
        raise ConformError(
            "bad-requires",
            f"requires={text!r}: {error.message}",
            hint="write a condition over dims and options, such as 'Lq == Lk'",
        ) from None
    from conform.law.names import LAW_NAMES

    for name in free_names(node):
        if name not in known and name not in LAW_NAMES:
            raise ConformError(
                "bad-requires",
                f"requires={text!r}: unknown name {name!r}{nearest(name, known)}",
                hint=f"names of {operator.name}: {', '.join(sorted(known))}",
            )
    return node


def _equalities(conditions: list[ast.expr]) -> dict[str, str]:
    """`A == B` between two names: drawing then makes them equal instead of rejecting."""
    found = {}
    for node in conditions:
        parts = (
            node.values if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) else [node]
        )
        for part in parts:
            if (
                isinstance(part, ast.Compare)
                and len(part.ops) == 1
                and isinstance(part.ops[0], ast.Eq)
                and isinstance(part.left, ast.Name)
                and isinstance(part.comparators[0], ast.Name)
            ):
                found[part.comparators[0].id] = part.left.id
    return found


def _limited(limits: Mapping[str, Limit], name: str, value: Any) -> Any:
    """The nearest allowed value; `L` limits the lengths of queries and keys."""
    rule = limits.get(name)
    if rule is None and name in ("Lq", "Lk"):
        rule = limits.get("L")
    if rule is None or rule.violated_by(value) is None:
        return value
    if rule.values is not None:
        numbers = [
            v for v in rule.values if isinstance(v, (int, float)) and not isinstance(v, bool)
        ]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and numbers:
            return min(numbers, key=lambda item: abs(item - value))
        return rule.values[0]
    low = 0 if rule.minimum is None else rule.minimum
    value = max(value, low)
    if rule.maximum is not None:
        value = min(value, rule.maximum)
    if rule.multiple_of is not None:
        value = max(int(value) // rule.multiple_of, -(-int(low) // rule.multiple_of), 1)
        value *= rule.multiple_of
    return int(value) if isinstance(low, int) or float(value).is_integer() else value
