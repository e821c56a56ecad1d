"""The words for outcomes, exit codes and diagnoses, said once for the terminal and every writer."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from conform.records import Diagnosis, ExitCode, Outcome, RunResult, TargetResult, Verdict


@dataclass(frozen=True)
class Look:
    """How an outcome is shown; the sign comes with the word, colour is never the only signal."""

    sign: str
    meaning: str
    colour: str


LOOKS: dict[Outcome, Look] = {
    Outcome.PASS: Look("✓", "held in every case, within the bound", "green"),
    Outcome.FAIL: Look("✗", "a case breaks the law; the smallest one found is shown", "red"),
    Outcome.ERROR: Look("!", "the target raised, or its result has the wrong form", "red"),
    Outcome.CRASH: Look("‼", "the target's process died", "red"),
    Outcome.TIMEOUT: Look("◷", "the target did not answer within the time limit", "red"),
    Outcome.INCOMPLETE: Look("?", "too little was decided to say anything; not a pass", "yellow"),
    Outcome.UNSUPPORTED: Look("–", "the target refused every case; nothing is claimed", "dim"),
    Outcome.EXCUSED: Look("≈", "violated, but listed in the baseline", "yellow"),
}

EXIT_MEANING: dict[ExitCode, str] = {
    ExitCode.CONFORMS: "conforms",
    ExitCode.VIOLATED: "a gating law is violated",
    ExitCode.BAD_REQUEST: "the request is wrong",
    ExitCode.INCOMPLETE: "incomplete: something planned could not be decided",
    ExitCode.INTERRUPTED: "interrupted: only a part was run",
}


def printable(text: str) -> str:
    """`text` without control characters (a target's message may hold terminal escapes)."""
    return "".join(
        char
        if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs")
        else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 law`, `2 laws`."""
    return f"{count} {noun if count == 1 else nouns or noun + 's'}"


def is_gating(verdict: Verdict, result: RunResult) -> bool:
    """Whether the verdict's level counts for the exit code of this run."""
    return verdict.level.rank <= result.level.rank


def diagnosis_sentence(diagnosis: Diagnosis) -> str:
    """What explains a failing output, in a sentence that can stand first."""
    share = f"{diagnosis.agreement:.0%} of the compared calls"
    note = f": {diagnosis.note}" if diagnosis.note else ""
    if diagnosis.kind == "convention":
        return f"follows the undeclared convention {diagnosis.mistake} in {share}{note}"
    if diagnosis.kind == "rounding":
        return f"rounds as the undeclared model {diagnosis.mistake} in {share}{note}"
    return f"equals the reference with the mistake {diagnosis.mistake} in {share}{note}"


def ratio_words(ratio: float) -> str:
    """`0.42`, `131`, `1.2e+06`, `inf`, `nan`."""
    return f"{ratio:.2f}" if 0.005 <= abs(ratio) < 10 or ratio == 0 else f"{ratio:.3g}"


def exit_line(result: RunResult) -> str:
    """`exit code 1: a gating law is violated`."""
    code = result.exit_code()
    return f"exit code {int(code)}: {EXIT_MEANING[code]}"


def target_exit_code(result: RunResult, target: TargetResult) -> ExitCode:
    """The exit code that the run would have had with this target alone."""
    return replace(result, targets=(target,)).exit_code()


def target_sentence(result: RunResult, target: TargetResult) -> str:
    """`mykernel does not conform: 3 of 210 laws ...`; a law counts once, whatever its dtypes."""
    gating = [v for v in target.verdicts if is_gating(v, result)]
    laws = {v.property for v in gating}
    violated = {v.property for v in gating if v.outcome.violated}
    undecided = {v.property for v in gating if v.outcome is Outcome.INCOMPLETE}
    code = target_exit_code(result, target)
    of_laws = f"of {plural(len(laws), 'law')} at level {result.level} or above"
    if code is ExitCode.CONFORMS:
        return f"{target.name} conforms: none {of_laws} is violated."
    if code is ExitCode.VIOLATED:
        be = "is" if len(violated) == 1 else "are"
        return f"{target.name} does not conform: {len(violated)} {of_laws} {be} violated."
    if code is ExitCode.INTERRUPTED:
        return f"{target.name} is not judged: the run was stopped early."
    if undecided:
        return f"{target.name} is incomplete: {len(undecided)} {of_laws} could not be decided."
    if target.verdicts and not gating:
        below = max((v.level for v in target.verdicts), key=lambda level: level.rank)
        return (
            f"{target.name} is incomplete: no law at level {result.level} or above was asked; "
            f"--level {below} counts the others."
        )
    return f"{target.name} is incomplete: some operator has no decided law."


def verdict_sentence(result: RunResult) -> str:
    """The run in one sentence."""
    if len(result.targets) == 1:
        return target_sentence(result, result.targets[0])
    if not result.targets:
        return "Nothing was run."
    codes = {t.name: target_exit_code(result, t) for t in result.targets}
    good = sum(code is ExitCode.CONFORMS for code in codes.values())
    parts = [
        (f"{good} of {plural(len(codes), 'target')} {'conforms' if good == 1 else 'conform'}"),
        _names(codes, ExitCode.VIOLATED, "does not conform", "do not conform"),
        _names(codes, ExitCode.INCOMPLETE, "is incomplete", "are incomplete"),
        "the run was stopped early" if not result.complete else "",
    ]
    return "; ".join(part for part in parts if part) + "."


def _names(codes: dict[str, ExitCode], code: ExitCode, one: str, many: str) -> str:
    names = [name for name, its in codes.items() if its is code]
    return f"{', '.join(names)} {one if len(names) == 1 else many}" if names else ""


def not_judged(result: RunResult) -> tuple[int, int]:
    """How many verdicts are unsupported, and how many items the targets do not claim."""
    claims = sum(len(target.not_claimed) for target in result.targets)
    return result.summary()[str(Outcome.UNSUPPORTED)], claims
