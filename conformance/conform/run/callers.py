"""How laws call the target: every call is judged where it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from conform.judge.sampling import as_tuple
from conform.law.measures import Metered
from conform.run.calls import Judged, NotClaimed, TargetCalls
from conform.run.oracle import Gradient, Oracle, as_given, flowing
from conform.run.replies import NothingFlows
from conform.run.slots import gradient_slots
from conform.work.effects import DRAWN
from conform.work.protocol import Apart

Tensor = torch.Tensor
METERED = ("measured", "order", "flops")
APART: dict[str, Apart] = {"apart": "apart", "again": "apart", "straight": "straight"}
Oracles = Callable[[str], Oracle]


def _has_nan(tensors: Iterable[Tensor | None]) -> bool:
    """Whether one of them holds no number somewhere; x - x does where x is infinite, too."""
    return any(x is not None and bool(torch.isnan(x).any()) for x in tensors)


def plain(value: Any) -> Any:
    """Results as a law sees them: a tensor, a number, or a tuple."""
    return tuple(value) if isinstance(value, list) else value


class TargetCaller:
    """Calls go to the target; every one is judged where it is made."""

    def __init__(self, calls: TargetCalls, oracles: Oracles, *, kernels_only: bool = False) -> None:
        self.calls = calls
        self.oracles = oracles
        self.kernels_only = kernels_only  # measures of calls without kernels say nothing
        self.observing = ""
        self.observed: Any = None
        self.remark = ""  # more of what was observed, in words
        self.pulling = False

    def call(self, operator: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """The target's result as float64 images; differentiable where an argument is."""
        named: dict[int | str, Any] = dict(enumerate(args))
        named.update(options)
        tracked = [
            (slot, x) for slot, x in named.items() if isinstance(x, Tensor) and x.requires_grad
        ]
        if tracked and torch.is_grad_enabled():
            return self._differentiable(operator, args, options, tracked)
        observe = self.observing
        wrt = self._differentiable_slots(operator, named) if self.pulling else ()
        if observe in METERED or wrt:
            metered, order = observe in METERED, observe == "order"
            ones = self._ones(operator, args, options) if wrt and self.calls.judging else ()
            judged = self.calls.call(
                operator,
                args,
                options,
                wrt=wrt,
                cotangents=ones,
                coarse=True,
                measure=metered,
                order=order,
                apart=APART.get(observe, ""),
            )
            if metered:
                self.observed = self._metered(judged, named)
            elif observe == "numbers":
                found = judged.reply.gradients.values() if judged.reply else ()
                results = judged.reply.results if judged.reply else ()
                # (Where a result is none, or infinite, a gradient may be none.)
                floats = [x for x in results if isinstance(x, Tensor) and x.is_floating_point()]
                asked = _has_nan(found) and not _has_nan(x - x for x in floats)
                self.observed = not (asked and self._numbers(operator, args, options, wrt))
            elif observe == "flows":
                self.observed = self._flows(operator, args, options, set(wrt) - set(judged.wrt))
            elif observe:
                self.observed = self._observe(observe, judged)
            return judged.values
        judged = self.calls.call(
            operator, args, options, repeat=observe in ("kept", "renewed", "repeats"), coarse=True
        )
        if observe:
            self.observed = self._observe(observe, judged)
        return judged.values

    def _metered(self, judged: Judged, named: Mapping[int | str, Any]) -> Metered:
        reply = judged.reply
        if reply is None or reply.measured is None:
            raise NotClaimed(f"not metered: {reply.unmeasured if reply else 'no reply'}")
        if self.kernels_only and not reply.measured.launches:
            raise NotClaimed("the call launches no Triton kernel")
        if self.observing == "flops" and not reply.measured.flops:
            raise NotClaimed("the call makes no product of matrices, which is what is counted")
        return Metered(reply.measured, named)

    def _differentiable_slots(
        self, operator: str, named: Mapping[int | str, Any]
    ) -> tuple[int | str, ...]:
        spec = self.oracles(operator).operator.spec
        found = gradient_slots(spec, self.calls.claim(operator), named)
        if not found:
            raise NotClaimed("no input of the call has a gradient")
        return found

    def _ones(
        self, operator: str, args: tuple[Any, ...], options: Mapping[str, Any]
    ) -> tuple[Tensor, ...]:
        full = self.calls.full_options(operator, options)
        results = as_tuple(self.oracles(operator)(args, full, self.calls.dtype))
        return tuple(torch.ones_like(x) for x in results if x.is_floating_point())

    def _numbers(
        self,
        operator: str,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        wrt: tuple[int | str, ...],
    ) -> bool:
        """Whether the oracle's gradients are."""
        bound = self.oracles(operator).bound(
            args, self.calls.full_options(operator, options), self.calls.dtype
        )
        ones = self._ones(operator, args, options)
        return not _has_nan(Gradient(bound, wrt, ones)(*bound.tensors, *ones))

    def _flows(
        self,
        operator: str,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        missing: set[int | str],
    ) -> bool:
        """Whether the oracle's gradient reaches none of the slots that the target's leaves out."""
        if not missing:
            return True
        oracle = self.oracles(operator)
        full = self.calls.full_options(operator, options)
        lost = missing & set(flowing(oracle.bound(args, full, self.calls.dtype)))
        inputs = list(oracle.operator.spec.inputs)
        names = sorted(inputs[slot] if isinstance(slot, int) else slot for slot in lost)
        self.remark = (
            f"no gradient reaches {', '.join(names)}; if that is meant, say in CONFORM what is "
            "`differentiable`"
        )
        return not lost

    def pulled_back(self, evaluate: Callable[[], Any]) -> Any:
        """The gradients of the sum of the call's results, in the order of the spec."""
        self.pulling = True
        try:
            return evaluate()
        finally:
            self.pulling = False

    def _observe(self, name: str, judged: Any) -> Any:
        reply = judged.reply
        effects = reply.effects
        if name == "mutated":
            names = ", ".join(sorted(judged.undeclared))
            if names:
                self.remark = f"changed: {names}; if that is meant, declare it under `mutates`"
            elif effects.cotangents_changed:
                self.remark = "changed: the gradient that comes in"
            return sum(judged.undeclared.values()) + effects.cotangents_changed
        if name == "margins_written":
            return sum(effects.margins_written.values())
        if name == "state_changed":
            changed = [x for x in effects.state_changed if x not in DRAWN]
            self.remark = "changed: " + ", ".join(changed)
            return len(changed)
        if name == "random_drawn":
            drawn = [x for x in effects.state_changed if x in DRAWN]
            self.remark = (
                f"{', '.join(drawn)}; layers that a call makes draw weights: make them once, or "
                "put the state back (torch.random.fork_rng)"
            )
            return len(drawn)
        if name == "kept":
            return effects.kept is not False and not reply.previous_changed
        if name == "renewed":
            return effects.renewed is not False
        if name == "apart":
            self.remark = effects.apart
            return not effects.apart
        if name == "again":
            self.remark = effects.again
            return not effects.again
        if name == "straight":
            self.remark = effects.straight
            return not effects.straight
        if name == "repeats":
            return not any(reply.repeat_changed or ())
        if name == "dtype":
            return judged.dtypes[0] if len(judged.dtypes) == 1 else judged.dtypes
        return True  # well_formed: a malformed reply never gets here

    def observed_call(self, name: str, evaluate: Callable[[], Any]) -> Any:
        """Evaluate a call and tell what was observed."""
        self.observing, self.observed = name, None
        try:
            evaluate()
        finally:
            self.observing = ""
        return self.observed

    def effect(self, name: str) -> Any:
        """What was observed last."""
        return self.observed

    def oracle(self, operator: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The oracle on the same inputs, with options as the law says and the fixed ones."""
        options = self.calls.oracle_options(operator, options)
        return plain(self.oracles(operator)(args, options, self.calls.dtype))

    def _differentiable(
        self,
        operator: str,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        tracked: list[tuple[int | str, Tensor]],
    ) -> Any:
        slots = tuple(slot for slot, _ in tracked)
        results = _TargetFunction.apply(
            self.calls, operator, args, dict(options), slots, *(x for _, x in tracked)
        )  # type: ignore[no-untyped-call]
        return results[0] if len(results) == 1 else results

    def gradient(
        self, function: Callable[..., Any], at: tuple[Tensor, ...], cotangent: Tensor | None
    ) -> tuple[Tensor, ...]:
        """By torch.autograd through the target's own backward."""
        leaves = tuple(_leaf(self.calls, x) for x in at)
        with torch.enable_grad():
            out = function(*leaves)
        if not isinstance(out, Tensor) or not out.requires_grad:
            raise NotClaimed("the result carries no gradient")
        weight = torch.ones_like(out) if cotangent is None else cotangent.to(out.dtype)
        found = torch.autograd.grad(out, leaves, weight, allow_unused=True)
        return tuple(
            torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)
        )


def _leaf(calls: TargetCalls, x: Tensor) -> Tensor:
    leaf = x.detach().clone().requires_grad_(True)
    placed = calls.material.placed.get(id(x))
    if placed is not None:
        calls.material.placed[id(leaf)] = placed
        calls.material.keep.append(leaf)
    return leaf


class _TargetFunction(torch.autograd.Function):
    """The target as a node of the parent's graph: backward asks the worker."""

    @staticmethod
    def forward(
        ctx: Any,
        calls: TargetCalls,
        operator: str,
        args: Any,
        options: Any,
        slots: Any,
        *leaves: Tensor,
    ) -> Any:
        ctx.calls, ctx.operator, ctx.slots = calls, operator, slots
        ctx.args, ctx.options = list(args), dict(options)
        return as_tuple(calls.call(operator, tuple(args), options).values)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        floats = tuple(c for c in cotangents if c is not None and c.is_floating_point())
        exact = tuple(as_given(c, ctx.calls.dtype) for c in floats)
        try:
            judged = ctx.calls.call(
                ctx.operator, tuple(ctx.args), ctx.options, wrt=ctx.slots, cotangents=exact
            )
            found = dict(zip(judged.wrt or ctx.slots, judged.values, strict=True))
        except NothingFlows:
            found = {}
        if len(found) < len(ctx.slots):
            _flows_as_drawn(ctx.calls, ctx.operator, set(ctx.slots) - set(found), set(found))
            ctx.calls.assumed = True
        gradients = tuple(found[s].to(torch.float64) if s in found else None for s in ctx.slots)
        return (None, None, None, None, None, *gradients)


def _flows_as_drawn(
    calls: TargetCalls, operator: str, slots: set[int | str], found: set[int | str]
) -> None:
    """NothingFlows unless gradients flow to these slots where the inputs are those that were drawn.

    What a target can differentiate must not hang on values: where it can, a gradient that does not
    flow is one of zero, and judged as such; so is one that does not flow in the oracle either.
    So is one of an input outside of the spec's gradients (of two right variants, say) beside
    one inside of them that the same call `found`, unless the target's claims leave it out.
    """
    material, oracle = calls.material, calls.oracles(operator)
    named: dict[int | str, Any] = dict(enumerate(material.inputs))
    named.update(material.options)
    usual = gradient_slots(oracle.operator.spec, calls.claim(operator), named)
    options = material.options
    if operator != material.operator.name:
        raise NothingFlows("a gradient that is asked for does not flow")
    if not slots <= set(usual):
        full = calls.full_options(operator, options)
        rest = slots & set(flowing(oracle.bound(material.inputs, full, calls.dtype)))
        if rest and not (found & set(usual) and _claimed(calls, operator, rest)):
            raise NothingFlows("a gradient that is asked for does not flow")
        return
    results = as_tuple(oracle(material.inputs, calls.full_options(operator, options), calls.dtype))
    ones = tuple(torch.ones_like(x) for x in results if x.is_floating_point())
    judged = calls.call(operator, material.inputs, options, wrt=usual, cotangents=ones)
    if not slots <= set(judged.wrt or usual):
        raise NothingFlows("a gradient that is asked for never flows")


def _claimed(calls: TargetCalls, operator: str, slots: set[int | str]) -> bool:
    """Whether the target claims the gradients of all of these arguments."""
    names = list(calls.oracles(operator).operator.spec.inputs)
    claim = calls.claim(operator)
    return all(claim.differentiates(s if isinstance(s, str) else names[s]) for s in slots)
