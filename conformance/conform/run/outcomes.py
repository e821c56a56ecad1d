"""Running one law on one case: every way it can end, as a small record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import partial

import torch

from conform.draw.case import Case, derive_seed
from conform.draw.fill import DTYPES, stream
from conform.judge.criterion import Residual
from conform.judge.sampling import as_tuple
from conform.law.grammar import LawError
from conform.records import Outcome
from conform.run.calls import CallRecord, Judged, NotClaimed, Refused, TargetCalls, Violation
from conform.run.decided import is_open
from conform.run.excuses import excuse_of
from conform.run.flowing import flowing_elsewhere
from conform.run.laws import FalseLaw, LawRun
from conform.run.replies import NothingFlows
from conform.run.session import Asked, Session
from conform.run.slots import gradient_slots
from conform.spec.book import Property


class Kind(Enum):
    """How a law ended on a case."""

    HELD = "held"
    FAILED = "failed"
    REFUSED = "refused"
    NOT_CLAIMED = "not claimed"
    NOT_APPLICABLE = "not applicable"
    UNDECIDED = "undecided"
    FALSE_LAW = "false law"


DECIDED = (Kind.HELD, Kind.FAILED)


@dataclass(frozen=True)
class Trial:
    """One law on one case in one dtype. `outcome` refines FAILED."""

    kind: Kind
    message: str = ""
    outcome: Outcome = Outcome.FAIL
    residual: Residual | None = None
    reached: tuple[str, ...] = ()
    record: CallRecord | None = None
    shape: bool = False  # failed, as results have other shapes


# Roundings that a sum in half precision may meet on its way, as pieces of it are added up; their
# errors grow with the root of their number.
PIECES = 64


def beyond(trial: Trial) -> bool:
    """Whether a trial is worse than so many roundings make of it."""
    return trial.residual is None or trial.residual.excess > PIECES**0.5


def try_law(
    session: Session, law: Property, case: Case, dtype: str, *, fresh: bool = False
) -> Trial:
    """Judge `law` on `case`; never raises for what the target does."""
    session.before_case(law, case, dtype)
    session.remember(Asked(law, case, dtype))
    maker = session.fresh_calls if fresh else session.calls
    try:
        # Hygiene is about the call, not its values: those are other laws' business.
        calls = maker(law.operator, case, dtype, judging=law.judges)
        return _judge(session, law, calls)
    except Violation as violation:
        return Trial(
            Kind.FAILED,
            violation.message,
            violation.outcome,
            violation.residual,
            record=violation.record,
            shape=violation.shape,
        )
    except Refused as refusal:
        plain = case.plain()
        if plain != case and try_law(session, law, plain, dtype, fresh=fresh).kind in DECIDED:
            # A refusal may hang on sizes, options, layout and dtype, not on values.
            words = (
                f"{refusal}: refused for its values alone, the same call of plain ones is answered"
            )
            return Trial(Kind.FAILED, words, Outcome.ERROR)
        return Trial(Kind.REFUSED, str(refusal))
    except NotClaimed as missing:
        return Trial(Kind.NOT_CLAIMED, str(missing))
    except FalseLaw as error:
        # A negative control need not show in every case, nor a law under every convention.
        # Through several layers a dependence can be finer than a half-precision dtype shows.
        coarse = dtype in ("bfloat16", "float16") and "depends(" in law.spec.law
        lenient = session.conventional(law.operator) or law.spec.holds != "always" or coarse
        kind = Kind.NOT_APPLICABLE if lenient else Kind.FALSE_LAW
        return Trial(kind, str(error))
    except LawError as error:
        return Trial(Kind.FALSE_LAW, f"the law cannot be evaluated: {error.message}")
    except (
        ValueError,
        RuntimeError,
        IndexError,
        TypeError,
        ZeroDivisionError,
        OverflowError,
    ) as error:
        # Raised by the oracle or by law arithmetic, never by the target.
        return Trial(
            Kind.FALSE_LAW, f"the law cannot be evaluated: {type(error).__name__}: {error}"
        )


def _judge(session: Session, law: Property, calls: TargetCalls) -> Trial:
    if law.kind == "agreement":
        judged = calls.call(law.operator, calls.material.inputs, calls.material.options)
        kind = Kind.UNDECIDED if judged.undecided else Kind.HELD
        return Trial(kind, residual=judged.residual)
    if law.kind == "gradient":
        return _gradient(session, law, calls)
    calls.doubtful = calls.overflowed = False
    run = LawRun(law, calls, session.oracle, session.operators)
    if not run.applies():
        return Trial(Kind.NOT_APPLICABLE, "the precondition does not hold")
    verdict = run.verdict()
    reached = tuple(name for name, value in run.reached().items() if value)
    residual = verdict.residual
    if verdict.holds:
        return Trial(Kind.HELD, residual=residual, reached=reached)
    if calls.doubtful or (law.template and residual is not None and _is_open(law, calls)):
        # A choice within roundoff of another, or a value beyond the range, may break any relation.
        return Trial(Kind.UNDECIDED, "a discrete choice is too close to tell")
    words = verdict.words or "does not hold"
    return Trial(
        Kind.FAILED,
        # (Of a law of booleans the words repeat it.)
        words if words.startswith(law.spec.law) else f"{law.spec.law}: {words}",
        residual=residual,
        reached=reached,
    )


def _is_open(law: Property, calls: TargetCalls) -> bool:
    """Whether the case leaves a choice open; calls that are not judged do not tell."""
    oracle, material = calls.oracles(law.operator), calls.material
    options = calls.full_options(law.operator, material.options)
    seed = derive_seed(material.case.seed, oracle.name, calls.dtype)
    truth = oracle.truth(material.inputs, options, calls.dtype, seed)
    return is_open(truth, oracle.model(calls.dtype).scale)


def _cotangent(case: Case, index: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Normal values[shape]; constant along the first axis that can be where they are expanded."""
    random = stream(derive_seed(case.seed, "cotangent"), str(index)).standard_normal(shape)
    values = torch.from_numpy(random)
    if case.cotangents == "expanded":
        axis = next((i for i, n in enumerate(shape[:-1]) if n > 1), None)
        if axis is not None:
            values = values.narrow(axis, 0, 1).expand(shape)
    return values


def _gradient(session: Session, law: Property, calls: TargetCalls) -> Trial:
    material = calls.material
    oracle = calls.oracles(law.operator)
    named: dict[int | str, object] = dict(enumerate(material.inputs))
    named.update(material.options)
    claim = calls.claim(law.operator)
    wrt = gradient_slots(oracle.operator.spec, claim, named)
    if not wrt and claim.differentiable is not None:
        raise NotClaimed(f"{law.operator} is declared not differentiable here")
    if not wrt:
        return Trial(Kind.NOT_APPLICABLE, "no differentiable input in this case")
    later = wrt[1:] or wrt
    place = material.case.index % len(later)
    chosen = {"first": wrt[:1], "rest": later, "one": later[place : place + 1]}
    wrt = chosen.get(material.case.wrt, wrt)
    options = calls.full_options(law.operator, material.options)
    outputs = as_tuple(oracle(material.inputs, options, calls.dtype))
    # Nothing flows back from elements that are not judged: some implementations leave them out.
    free = torch.isinf(torch.as_tensor(excuse_of(material, oracle, material.inputs, options)))
    cotangents = tuple(
        torch.where(free, 0.0, _cotangent(material.case, i, tuple(x.shape)))
        .to(DTYPES[calls.dtype])
        .to(torch.float64)
        for i, x in enumerate(outputs)
        if x.is_floating_point()
    )
    judged = _pulled(session, law, calls, wrt, cotangents)
    kind = Kind.UNDECIDED if judged.undecided else Kind.HELD
    return Trial(kind, residual=judged.residual)


def _pulled(
    session: Session,
    law: Property,
    calls: TargetCalls,
    wrt: tuple[int | str, ...],
    cotangents: tuple[torch.Tensor, ...],
) -> Judged:
    """The judgement on gradients; those that do not flow here and do at other sizes are zero."""
    operator, material = law.operator, calls.material
    ask = partial(
        calls.call, operator, material.inputs, material.options, wrt=wrt, cotangents=cotangents
    )
    judged, nothing = None, NothingFlows("no gradient flows to any input")
    try:
        judged = ask()
    except NothingFlows as error:
        nothing = error
    missing = frozenset(wrt) - frozenset(judged.wrt if judged else ())
    lost = missing & flowing_elsewhere(session, law, calls) if missing else missing
    if not lost:
        if judged is None:
            raise nothing
        return judged
    try:
        return ask(lost=lost)
    except Violation as violation:
        names = list(material.operator.spec.inputs)
        labels = sorted(names[slot] if isinstance(slot, int) else slot for slot in lost)
        raise Violation(
            violation.outcome,
            f"no gradient flows to {', '.join(labels)} here, although one does at other sizes: "
            f"{violation.message}",
            violation.residual,
            violation.record,
        ) from None
