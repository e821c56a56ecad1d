"""The Markdown table of a benchmark."""

from __future__ import annotations

from collections.abc import Iterator

from conform.bench.records import BenchReport, CaseResult, Peaks, Status, Timing

_COLUMNS = (
    "implementation", "median", "quartiles", "of copy", "of matmul", "time / fastest",
)  # fmt: skip


def markdown(report: BenchReport) -> str:
    """A section a case: medians with their spread, fractions of the measured peaks, who failed."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    lines = [
        f"# Benchmark of `{report.target}`",
        "",
        f"{report.device}, {report.date}; {versions}.",
        f"Measured here: copy {report.peaks.copy / 1e12:.2f} TB/s (read plus written), "
        f"matmul {report.peaks.matmul / 1e12:.0f} TFLOP/s (bfloat16).",
        f"Medians of {report.rounds} calls from a cold cache, each on fresh inputs and with its "
        "output checked; quartiles beside them. Fractions are of compulsory bytes and flops.",
    ]
    for case in report.cases:
        lines += ["", *_section(case, report.peaks)]
    return "\n".join(lines) + "\n"


def _section(case: CaseResult, peaks: Peaks) -> Iterator[str]:
    yield f"## {case.case}"
    yield ""
    yield f"{case.shape}; floor {_time(case.floor)}."
    yield ""
    yield "| " + " | ".join(_COLUMNS) + " |"
    yield "| --- |" + " ---: |" * (len(_COLUMNS) - 1)
    measured = [t for t in case.timings if t.status is Status.MEASURED]
    fastest = min((t.median for t in measured), default=float("nan"))
    for timing in sorted(measured, key=lambda t: t.median):
        copied, computed = case.fractions(timing, peaks)
        low, high = timing.quartiles
        cells = (
            timing.competitor,
            _time(timing.median),
            f"{_time(low)} to {_time(high)}",
            f"{copied:.2f}",
            f"{computed:.2f}",
            f"{timing.median / fastest:.2f}",
        )
        yield "| " + " | ".join(cells) + " |"
    for timing in case.timings:
        if timing.status is not Status.MEASURED:
            yield _without_time(timing)


def _without_time(timing: Timing) -> str:
    note = timing.note.replace("|", "\\|")
    return f"| {timing.competitor} | {timing.status.value}: {note} |" + " |" * (len(_COLUMNS) - 2)


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} us"
