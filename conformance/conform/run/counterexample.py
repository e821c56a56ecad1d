"""A failing case in words, and the case file that `conform replay` reads."""

from __future__ import annotations

from typing import Any

from conform.draw.case import Case, Source, Value
from conform.records import Counterexample
from conform.run.afresh import Afresh
from conform.run.session import Asked, Session
from conform.spec.book import Property

FAILURE_FORMAT = "conform-failure/1"
NOT_ALONE = (
    "not in a process of its own: it hangs on calls before this one (kept between calls?), or "
    "does not happen each time"
)


def describe_failure(
    session: Session, law: Property, dtype: str, found: Afresh, original: Case
) -> Counterexample:
    """The counterexample record; its `case` is the content of the case file."""
    case, trial = found.small.case, found.small.trial
    content: dict[str, Any] = {
        "format": FAILURE_FORMAT,
        "target": session.name,
        "property": law.id,
        "operator": law.operator,
        "dtype": dtype,
        "device": session.device,
        "case": case.as_json(),
        "message": trial.message,
    }
    words = case_in_words(case, dtype, law.kind)
    before = case_in_words(original, dtype, law.kind)
    shrunk_from = "; ".join(before) if before != words else ""
    if found.after is not None:
        first = found.after
        content["after"] = {
            "property": first.law.id,
            "dtype": first.dtype,
            "case": first.case.as_json(),
        }
        words += after_words(first)
    elif found.alone is False:
        content["alone"] = False
        words += (NOT_ALONE,)
    return Counterexample(content, trial.message, words, shrunk_from=shrunk_from)


def after_words(first: Asked) -> tuple[str, ...]:
    """Lines on the case without which another one holds."""
    return (
        "only after another call in the same process, with",
        *(f"  {line}" for line in case_in_words(first.case, first.dtype, first.law.kind)),
    )


def case_in_words(case: Case, dtype: str, kind: str = "") -> tuple[str, ...]:
    """Lines that name every input, the options that are not plain, regime and layout.

    For the `kind` gradient, also which gradients are asked for, and how what flows back lies in
    memory; for a law, how what it computes does.
    """
    gradient = kind == "gradient"
    lines = [f"{name}: {_value(value, dtype)}" for name, value in case.inputs.items()]
    options = [
        f"{name}={_value(value, dtype)}"
        for name, value in case.options.items()
        if value is not None and value is not False
    ]
    if options:
        lines.append("options: " + ", ".join(options))
    if case.draws:
        lines.append(
            "law draws: " + ", ".join(f"{n}={_value(v, dtype)}" for n, v in case.draws.items())
        )
    if case.cotangents != "contiguous" and (gradient or _has_cotangent(case)):
        lines.append(f"cotangents: {case.cotangents} in memory")
    if gradient and case.wrt != "all":
        asked = {"first": "the first", "one": "one"}.get(case.wrt, "all but the first")
        lines.append(f"gradients: of {asked} differentiable input")
    if kind == "law" and case.derived != "contiguous":
        lines.append("tensors that the law computes: in mixed layouts")
    lines.append(f"values: {case.regime}, seed {case.seed}")
    return tuple(lines)


def _has_cotangent(case: Case) -> bool:
    return any(isinstance(v, Source) and v.generator == "cotangent" for v in case.draws.values())


def _value(value: Value, dtype: str) -> str:
    if not isinstance(value, Source):
        return repr(value)
    if value.generator == "named_parameters":
        return "named parameters"
    if value.is_callable:
        return f"the callable {value.args[0]}"
    kind = value.dtype or (dtype if value.is_float else _kind(value))
    layout = "" if value.layout == "contiguous" else f", {value.layout} in memory"
    shown = value.regime == "zeros" or (value.generator == "regime" and value.regime != "normal")
    regime = f", {value.regime}" if shown else ""
    name = "" if value.generator in ("regime", "normal") else f" {value.generator}"
    return f"{kind}[{', '.join(map(str, value.shape))}]{name}{regime}{layout}"


def _kind(value: Source) -> str:
    return "bool" if value.generator == "mask" else "int64"


def failure_of(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a case file; ValueError when it is none."""
    if content.get("format") != FAILURE_FORMAT:
        raise ValueError(f"format={content.get('format')!r}, expected {FAILURE_FORMAT!r}")
    return content
