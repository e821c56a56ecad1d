"""Judging one law on one case: both sides on the target, on the oracle, and under roundoff.

For `a == b` the residual is (a - b) on the target minus (a - b) on the oracle with the very same
inputs; its bound is the spread of a - b when the oracle is evaluated under the rounding model. So a
law whose two sides differ by convention or by an inexact input transformation raises no false
alarm, and a law that is false of the oracle itself is reported as an error of the spec.
"""

from __future__ import annotations

import ast
from typing import Any

import torch

from conform.draw.fill import DTYPES
from conform.judge.criterion import Residual
from conform.judge.model import Model
from conform.judge.roundoff import Roundoff
from conform.law.beside import beside_reference
from conform.law.bounds import tensor
from conform.law.evaluate import Budget, Evaluator
from conform.law.grammar import LawError, forms_used, names_used
from conform.law.names import MEASURE_NAMES
from conform.records import Outcome
from conform.run.callers import Oracles, TargetCaller
from conform.run.calls import Refused, TargetCalls, Violation
from conform.run.dependence import depends
from conform.run.law_noise import LawNoise
from conform.run.material import Material
from conform.run.oracle_caller import OracleCaller
from conform.run.sides import (
    arithmetic_floor,
    bit_difference,
    flushed,
    gap,
    is_none,
    parts,
    residual,
    scale,
    small,
    truth,
)
from conform.run.verdicts import LawVerdict, both, either
from conform.spec.book import Property

Tensor = torch.Tensor
VISIBLE = 2.0**-20  # of a side: a law that is false of the oracle is so visibly


class FalseLaw(Exception):
    """The law does not hold for the oracle: the spec is wrong (or the conventions exclude it)."""


class LawRun:
    """One law on one material."""

    def __init__(
        self,
        law: Property,
        calls: TargetCalls,
        oracles: Oracles,
        operators: frozenset[str],
        *,
        of_oracle: bool = False,
    ) -> None:
        self.law = law
        self.calls = calls
        self.material: Material = calls.material
        self.oracles = oracles
        self.operators = operators
        self.of_oracle = of_oracle
        self.apart = False  # whether the oracle's sides of a comparison differ beyond the bound
        self.differentiates = law.differentiates
        scale = self.model(law.operator).scale
        self.noise = LawNoise(law, self.material, operators, self._oracle_caller, scale)
        self.caller = self._oracle_caller()
        self.exact = self._evaluator(self.caller)
        caller = TargetCaller(calls, oracles, kernels_only=law.kernels_only)
        self.target = self.exact if of_oracle else self._evaluator(caller)

    def _oracle_caller(
        self, noise: Roundoff | None = None, c: Tensor | None = None
    ) -> OracleCaller:
        return OracleCaller(self.oracles, self.material.dtype, self.model, self.calls, noise, c)

    def model(self, operator: str) -> Model:
        """The rounding model of an operator in this dtype, backward too if the law asks for it."""
        return self.oracles(operator).model(self.material.dtype, backward=self.differentiates)

    def _evaluator(self, caller: Any, names: dict[str, Any] | None = None) -> Evaluator:
        names = self.material.names if names is None else names
        return Evaluator(names, self.law.lets, caller, self.operators, self.law.operator, Budget())

    def applies(self) -> bool:
        """Whether the precondition holds."""
        return self.law.where is None or bool(self.exact.value(self.law.where))

    def reached(self) -> dict[str, bool]:
        """Which of the interesting situations the case shows."""
        return {
            name: bool(tensor(self.exact.value(node)).any())
            for name, node in self.law.reach.items()
        }

    def verdict(self) -> LawVerdict:
        """The verdict on the target; Violation when one of its calls is already wrong.

        Sides are compared through the oracle's, whose inputs are rounded as the target's are. So
        a law that fails is asked of the oracle as well, and on the reference one whose sides are
        apart in float64, where nothing is rounded: FalseLaw when the oracle does not obey it.
        """
        verdict = self._verdict(self.law.law)
        asked = not verdict.holds or (
            self.apart and self.calls.own and self.material.dtype == "float64"
        )
        if asked and not self.of_oracle and not self.law.measures:
            own = LawRun(self.law, self.calls, self.oracles, self.operators, of_oracle=True)
            if not own.verdict().holds:
                if not own.caller.overflowed:
                    raise FalseLaw("the oracle does not obey the law")
                self.calls.doubtful = True  # nothing is stated beyond the range
        return verdict

    def _verdict(self, node: ast.expr) -> LawVerdict:
        if isinstance(node, ast.BoolOp):
            whole = isinstance(node.op, ast.And)
            result = self._verdict(node.values[0])
            for item in node.values[1:]:
                if result.holds is not whole:
                    break  # decided: what follows may not even be defined
                result = (both if whole else either)(result, self._verdict(item))
            return result
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._verdict(node.operand).negated()
        if isinstance(node, ast.IfExp):
            return self._verdict(node.body if bool(self.exact.value(node.test)) else node.orelse)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            special = getattr(self, f"_form_{node.func.id}", None)
            if special is not None:
                result = special(node)
                if isinstance(result, LawVerdict):
                    return result
        return self._plain(node)

    def _plain(self, node: ast.expr) -> LawVerdict:
        """A law of booleans, judged exactly; the oracle must obey it as well."""
        value = self.target.value(node)
        if isinstance(value, LawVerdict):
            return value
        holds = truth(value)
        remark = "" if holds else getattr(self.target.caller, "remark", "")
        words = f"{ast.unparse(node)} is {holds}"
        return LawVerdict(holds, None, f"{words} ({remark})" if remark else words)

    def _comparison(self, node: ast.Compare) -> LawVerdict:
        if len(node.ops) != 1:
            first = ast.Compare(node.left, node.ops[:1], node.comparators[:1])
            rest = ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
            return both(self._comparison(first), self._comparison(rest))
        if forms_used(node, self.law.lets) & MEASURE_NAMES:
            return self._exactly(node)
        left, right, operation = node.left, node.comparators[0], node.ops[0]
        if isinstance(operation, (ast.Is, ast.IsNot)):
            same = self._same_bits(left, right)
            return same if isinstance(operation, ast.Is) else same.negated()
        if isinstance(operation, ast.NotEq):
            return self._equal(left, right, negative=True).negated()
        if isinstance(operation, ast.Eq):
            return self._equal(left, right)
        smaller, larger = (
            (left, right) if isinstance(operation, (ast.Lt, ast.LtE)) else (right, left)
        )
        return self._equal(smaller, larger, one_sided=True)

    # -- comparison forms ----------------------------------------------------------------------

    def _form_strictly(self, node: ast.Call) -> LawVerdict:
        return self._exactly(node.args[0])

    def _exactly(self, inner: ast.expr) -> LawVerdict:
        value = self.target.value(inner)
        holds = truth(value)
        words = "" if holds else self._sides_in_words(inner)
        remark = getattr(self.target.caller, "remark", "")
        if words and remark:
            words += f" ({remark})"
        return LawVerdict(holds, None, words)

    def _sides_in_words(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Compare):
            return f"{ast.unparse(node)} is false"
        values = [self.target.value(side) for side in (node.left, node.comparators[0])]
        if any(isinstance(x, (str, frozenset, tuple)) for x in values):
            return f"left {values[0]}, right {values[1]}"
        left, right = (tensor(x) for x in values)
        if left.numel() == 1 and right.numel() == 1:
            return f"left {left.item():.9g}, right {right.item():.9g}"
        wrong = ~tensor(self.target.value(node))
        left, right = (x.expand(wrong.shape) for x in (left, right))
        index = tuple(int(i) for i in wrong.nonzero()[0]) if wrong.any() else ()
        return (
            f"at {list(index)}: left {float(left[index]):.9g}, right {float(right[index]):.9g} "
            f"({int(wrong.sum())} of {wrong.numel()} elements)"
        )

    def _form_depends(self, node: ast.Call) -> LawVerdict:
        return depends(node, self.target, self.exact, self.noise, self._smallest())

    def _form_differs(self, node: ast.Call) -> LawVerdict:
        return self._same_bits(node.args[0], node.args[1]).negated()

    def _form_finite(self, node: ast.Call) -> LawVerdict:
        values = [tensor(x) for x in parts(self.target.value(node.args[0]))]
        if all(bool(torch.isfinite(x).all()) for x in values):
            return LawVerdict(True, None)
        # What is beyond the dtype's range, or nearly so, is infinite by right.
        limit = torch.finfo(DTYPES[self.material.dtype]).max / 4
        exact = [tensor(x) for x in parts(self.exact.value(node.args[0]))]
        holds = all(
            bool((torch.isfinite(x) | (torch.isinf(x) & (y.abs() > limit))).all())
            for x, y in zip(values, exact, strict=True)
        )
        return LawVerdict(holds, None, "" if holds else "a NaN or an infinity occurs")

    def _form_raises(self, node: ast.Call) -> LawVerdict:
        self.calls.expecting_error = True
        try:
            self.target.value(node.args[0])
        except Violation as violation:
            if violation.outcome is Outcome.ERROR:
                if self.calls.left:
                    note = f"the error leaves changed: {', '.join(self.calls.left)}"
                    return LawVerdict(False, None, note)
                return LawVerdict(True, None, violation.message.split("\n")[0])
            raise
        except Refused:
            if self._oracle_raises(node.args[0]):
                return LawVerdict(True, None, "refused")
            raise  # of a legal call: a law that would be content with an error is not met by it
        except ValueError:
            if self.of_oracle:
                return LawVerdict(True, None, "the oracle raises")
            raise
        finally:
            self.calls.expecting_error = False
        return LawVerdict(False, None, "the target answered a call that should be an error")

    def _oracle_raises(self, node: ast.expr) -> bool:
        try:
            self.exact.value(node)
        except ValueError:
            return True
        return False

    def _form_follows(self, node: ast.Call) -> LawVerdict:
        from scipy import stats  # a second to import, and few laws ask for it

        sample = tensor(self.target.value(node.args[0])).flatten()
        kind = node.args[1]
        if not (isinstance(kind, ast.Call) and isinstance(kind.func, ast.Name)):
            raise LawError("follows takes normal(mean, std) or uniform(low, high)")
        a, b = (float(self.target.value(x)) for x in kind.args)
        alarm = 1e-9
        for keyword in node.keywords:
            if keyword.arg == "alarm":
                alarm = float(self.target.value(keyword.value))
        args = (a, b) if kind.func.id == "normal" else (a, b - a)
        name = "norm" if kind.func.id == "normal" else "uniform"
        p = float(stats.kstest(sample.numpy(), name, args=args).pvalue)
        return LawVerdict(p >= alarm, None, f"Kolmogorov-Smirnov p = {p:.3g}, alarm at {alarm:g}")

    def _same_bits(self, left: ast.expr, right: ast.expr) -> LawVerdict:
        a, b = (parts(self.target.value(side)) for side in (left, right))
        if is_none(a) or is_none(b):
            return LawVerdict(a == b, None, "")
        words = bit_difference(a, b)
        return LawVerdict(not words, None, words)

    def _equal(
        self, left: ast.expr, right: ast.expr, *, one_sided: bool = False, negative: bool = False
    ) -> LawVerdict:
        if not (one_sided or negative) and self._judged_beside(left, right):
            return LawVerdict(True, None)
        a, b = (parts(self.target.value(side)) for side in (left, right))
        if any(isinstance(x, (str, frozenset)) for x in (*a, *b)):
            # Names are equal or not; nothing is rounded.
            return LawVerdict(a == b, None, "" if a == b else f"left {a}, right {b}")
        a0, b0 = (parts(self.exact.value(side)) for side in (left, right))
        if len(a) != len(b):
            return LawVerdict(False, None, f"{len(a)} results on the left, {len(b)} on the right")
        gaps = [gap(x, y) for x, y in zip(a, b, strict=True)]
        exact = [gap(x, y) for x, y in zip(a0, b0, strict=True)]
        sizes = [scale(x, y) for x, y in zip(a, b, strict=True)]
        smallest = self._smallest()
        floors = [arithmetic_floor(s) + smallest for s in sizes]
        if not negative and all(small(g, f, one_sided) for g, f in zip(gaps, floors, strict=True)):
            return LawVerdict(True, None)

        def judged(*, steep: bool) -> Residual | None:
            noise = self.noise.gaps(left, right, exact, steep=steep)
            worst: Residual | None = None
            for own, gap0, floor, extra, x, y in zip(gaps, exact, floors, noise, a, b, strict=True):
                centre = torch.zeros_like(gap0) if negative or self.of_oracle else gap0
                bound = floor + extra
                # (A law's own arithmetic cancels too, so that the bound alone is no measure.)
                visible = bound + (scale(x, y).max() * VISIBLE if gap0.numel() else 0.0)
                self.apart = self.apart or not (negative or small(gap0, visible, one_sided))
                found = residual(own, centre, bound, tensor(x), tensor(y), one_sided)
                if worst is None or found.ratio > worst.ratio:
                    worst = found
            return worst

        worst = judged(steep=False)
        if worst is not None and worst.ratio > 1.0 and not negative:
            worst = judged(steep=True)
        if worst is not None and worst.ratio > 1.0 and not negative:
            changes = self._flushed(left, right, a0, b0)
            if changes is not None:
                floors = [f + c for f, c in zip(floors, changes, strict=True)]
                worst = judged(steep=True)
        holds = worst is None or worst.ratio <= 1.0
        words = (
            ""
            if holds or worst is None
            else (
                f"at {list(worst.index)}: left {worst.actual:.9g}, right {worst.expected:.9g}, "
                f"{worst.ratio:.3g} x bound {worst.bound:.3g}"
            )
        )
        return LawVerdict(holds, worst, words)

    def _judged_beside(self, left: ast.expr, right: ast.expr) -> bool:
        """Whether the target's calls on the left were judged against all that the right side says.

        (Each call is, where it is made: a Violation if it is wrong.) Not if one was left undecided,
        or near a decision, if a gradient that does not flow was taken for zero, or of random
        results.
        """
        calls = self.calls
        if self.of_oracle or not calls.judging or calls.expecting_error:
            return False
        if not beside_reference(left, right, self.law.lets, self.operators):
            return False
        asked = names_used(left, self.law.lets) & self.operators | {self.law.operator}
        if any(r.random for name in asked for r in self.oracles(name).operator.spec.results):
            return False
        before = calls.doubtful, calls.assumed
        calls.doubtful = calls.assumed = False
        try:
            self.target.value(left)
            return not (calls.doubtful or calls.assumed)
        finally:
            calls.doubtful, calls.assumed = before[0] or calls.doubtful, before[1] or calls.assumed

    def _flushed(
        self, left: ast.expr, right: ast.expr, a0: tuple[Any, ...], b0: tuple[Any, ...]
    ) -> list[Tensor] | None:
        """What flushing subnormal inputs to zero would change on either side; it is excused."""
        names = flushed(self.material.names)
        if names is None:
            return None
        other = self._evaluator(self._oracle_caller(), names)
        a, b = (parts(other.value(side)) for side in (left, right))
        changes = zip(a, a0, b, b0, strict=True)
        return [gap(x, x0).abs() + gap(y, y0).abs() for x, x0, y, y0 in changes]

    def _smallest(self) -> float:
        """Results below the normal range may be flushed, or are multiples of a coarse spacing.

        Float64 is judged as float32 scaled down, see `bound_of`.
        """
        if self.material.dtype == "float64":
            return 2.0**-152
        return 4 * (2.0**-24 if self.material.dtype == "float16" else 2.0**-126)
