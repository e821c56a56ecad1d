"""A violated law as plain lines of text: what is wrong first, how to see it again last."""

from __future__ import annotations

from conform.records import Level, PropertyInfo, Verdict
from conform.wording import LOOKS, diagnosis_sentence, plural, ratio_words


def headline(target: str, verdict: Verdict, level: Level) -> str:
    """`✗ fail  mykernel  attention.linear-in-v  bfloat16, cpu  [must]`."""
    gates = "" if verdict.level.rank <= level.rank else ", does not gate"
    return (
        f"{LOOKS[verdict.outcome].sign} {verdict.outcome}  {target}  {verdict.property}  "
        f"{verdict.dtype}, {verdict.device}  [{verdict.level}{gates}]"
    )


def failure_lines(
    target: str, verdict: Verdict, info: PropertyInfo | None, level: Level
) -> list[str]:
    """The block for one violated law; `info` adds statement and formula, `level` is what gates."""
    lines = [headline(target, verdict, level)]
    lines += [f"  diagnosis: {diagnosis_sentence(item)}" for item in verdict.diagnosis]
    if info is not None:
        lines += _field("law", info.statement) + _field("formula", info.law)
        lines += _field("source", source_words(info))
    found = verdict.counterexample
    if found is not None:
        lines += _field("case", "\n".join(found.words))
        lines += _field("result", found.message)
    lines += _field("reason", verdict.reason)
    lines += _field("cases", _evidence(verdict))
    if found is not None:
        lines += _field("from", found.shrunk_from) + _field("replay", found.replay)
    return lines


def repeat_line(target: str, verdict: Verdict, level: Level) -> str:
    """One line for a law that was shown in full before, or for `--quiet`."""
    found = verdict.counterexample
    replay = f"  {found.replay}" if found is not None and found.replay else ""
    return headline(target, verdict, level) + replay


def source_words(info: PropertyInfo) -> str:
    """`Vaswani et al. 2017 (CMU-050, CMU-069)`."""
    claims = ", ".join(info.claims)
    return f"{info.source} ({claims})" if info.source and claims else info.source or claims


def _field(name: str, value: str) -> list[str]:
    first, *rest = value.strip().splitlines() or [""]
    if not first and not rest:
        return []
    return [f"  {name + ':':<10} {first}", *(f"{'':13}{line}" for line in rest)]


def _evidence(verdict: Verdict) -> str:
    ratio = verdict.worst_ratio
    worst = "" if ratio is None else f", worst error {ratio_words(ratio)} of the bound"
    return f"{plural(verdict.cases, 'case')}{worst}"
