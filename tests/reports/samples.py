"""Runs made by hand: every outcome, nasty text, and a large one for the size budget."""

from __future__ import annotations

from dataclasses import replace

from conform.records import (
    Counterexample,
    Diagnosis,
    Level,
    Outcome,
    PropertyInfo,
    RunResult,
    TargetResult,
    Verdict,
)

NASTY = (
    "<script>alert('x')</script> & \"q\" | `tick` \x1b[31mred\x07 ]]> {{ 7*7 }} naïve \u2028 end"
)

LAWS = (
    PropertyInfo(
        id="attention.agrees-with-reference",
        operator="attention",
        level="must",
        statement="The result agrees with the reference within the declared rounding.",
        law="attention(*inputs, **options) == ref.attention(*inputs, **options)",
        claims=("CMU-047",),
        source="Vaswani et al. 2017, arXiv:1706.03762, eq. 1",
        domain="attention",
    ),
    PropertyInfo(
        id="attention.causal-no-future",
        operator="attention",
        level="must",
        statement="With causal=True no output depends on a later key or value.",
        law="not depends(attention(q, k, v, **options)[..., i, :], k[..., n:, :], v[..., n:, :])",
        claims=("CMU-050",),
        note="The slide writes j < i; the diagonal is visible.",
        domain="attention",
    ),
    PropertyInfo(
        id="rope.relative-only",
        operator="rope",
        level="must",
        statement="A score depends on the two positions only through their difference.",
        law="dot(rope(q, m + shift), rope(k, n + shift)) == dot(rope(q, m), rope(k, n))",
        claims=("CMU-069",),
        source="Su et al. 2021, arXiv:2104.09864",
        domain="position",
    ),
    PropertyInfo(
        id="rope.layout-bits",
        operator="rope",
        level="should",
        statement="A strided view gives the same bits as its contiguous copy.",
        law="op(*inputs, **options) is op(*copies, **options)",
        domain="position",
    ),
    PropertyInfo(
        id="rms_norm.scale-invariant",
        operator="rms_norm",
        level="must",
        statement="Scaling the input by a power of two changes nothing when eps is 0.",
        law="rms_norm(2 ** n * x, gamma, eps=0) == rms_norm(x, gamma, eps=0)",
        source="Zhang and Sennrich 2019, arXiv:1910.07467",
        domain="norm",
    ),
)

WRONG_SCALE = Verdict(
    property="attention.agrees-with-reference",
    operator="attention",
    level=Level.MUST,
    dtype="float32",
    device="cpu",
    outcome=Outcome.FAIL,
    cases=57,
    seconds=0.8,
    worst_ratio=131072.4,
    reached={"masked": 31},
    diagnosis=(
        Diagnosis("attention.scale-by-dim", 1.0, "Divides the scores by D instead of sqrt(D)."),
    ),
    counterexample=Counterexample(
        case={"seed": 5, "dims": {"B": 1, "H": 1, "Lq": 1, "Lk": 2, "D": 8}},
        message="worst element [0, 0, 0, 3]\nexpected 0.41217 ± 3.1e-08\nactual   0.38801",
        words=(
            "q: float32[1, 1, 1, 8], k, v: float32[1, 1, 2, 8], regime normal, contiguous",
            "no options",
        ),
        replay="conform replay out/cases/attention.agrees-with-reference-float32.json",
        shrunk_from="q: float32[2, 6, 33, 64], regime outlier",
    ),
)


def verdict(
    law: str, outcome: Outcome, dtype: str = "float32", level: Level = Level.MUST
) -> Verdict:
    """A plain verdict on `law`."""
    return Verdict(
        property=law,
        operator=law.split(".")[0],
        level=level,
        dtype=dtype,
        device="cpu",
        outcome=outcome,
        cases=40,
        seconds=0.25,
        worst_ratio=0.42 if outcome is Outcome.PASS else None,
        reached={"masked": 31} if outcome is Outcome.PASS else {},
        reason="" if outcome is Outcome.PASS else f"reason for {outcome}",
    )


def mykernel() -> TargetResult:
    """A target with every outcome."""
    bf16 = replace(
        WRONG_SCALE,
        dtype="bfloat16",
        worst_ratio=float("inf"),
        diagnosis=(Diagnosis("causal = top_left", 0.75, "Declare it.", "convention"),),
    )
    return TargetResult(
        name="mykernel",
        reference="kernels/mykernel.py",
        operators=("attention", "rope", "rms_norm"),
        verdicts=(
            WRONG_SCALE,
            bf16,
            verdict("attention.causal-no-future", Outcome.PASS),
            verdict("attention.causal-no-future", Outcome.INCOMPLETE, "bfloat16"),
            verdict("rope.relative-only", Outcome.CRASH),
            verdict("rope.relative-only", Outcome.TIMEOUT, "bfloat16"),
            verdict("rope.layout-bits", Outcome.FAIL, level=Level.SHOULD),
            verdict("rope.layout-bits", Outcome.EXCUSED, "bfloat16", Level.SHOULD),
            verdict("rms_norm.scale-invariant", Outcome.ERROR),
            verdict("rms_norm.scale-invariant", Outcome.UNSUPPORTED, "float16"),
        ),
        declared={
            "attention": {"layout": "BLHD", "conventions": {"masked_rows": "nan"}},
            "softmax": {"layout": "BHLD"},
        },
        not_claimed=("attention: option window", "attention: option bias"),
    )


def passing_target(name: str = "reference") -> TargetResult:
    """A target that passes everything, in three dtypes."""
    verdicts = tuple(
        replace(verdict(law.id, Outcome.PASS, dtype, Level(law.level)), worst_ratio=0.1 + 0.07 * n)
        for n, law in enumerate(LAWS)
        for dtype in ("float64", "float32", "bfloat16")
    )
    return TargetResult(name, "builtin", ("attention", "rope", "rms_norm"), verdicts)


def run(*targets: TargetResult, complete: bool = True) -> RunResult:
    """A run over `targets`."""
    return RunResult(
        environment={
            "conform": "0.1.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "device": "cpu",
            "threads": 2,
        },
        seed=0,
        profile="default",
        level=Level.MUST,
        complete=complete,
        targets=targets,
        properties=LAWS,
        seconds=12.3,
        command="conform run --target reference --target mykernel.py --html report.html",
    )


def nasty_run() -> RunResult:
    """Hostile text in every field that comes from a target or a spec."""
    law = replace(LAWS[0], statement=NASTY, law=NASTY, source=NASTY, note=NASTY, claims=(NASTY,))
    found = Counterexample({"x": NASTY}, NASTY, (NASTY,), NASTY, NASTY)
    bad = replace(
        WRONG_SCALE,
        reason=NASTY,
        model=NASTY,
        reached={NASTY: 1},
        diagnosis=(Diagnosis(NASTY, 0.5, NASTY),),
        counterexample=found,
    )
    open_ = replace(verdict(law.id, Outcome.INCOMPLETE, NASTY), reason=NASTY)
    target = TargetResult(
        NASTY, NASTY, (NASTY, "attention"), (bad, open_), {NASTY: {NASTY: [NASTY]}}, (NASTY,)
    )
    base = run(target)
    return replace(
        base, properties=(law,), command=NASTY, profile=NASTY, environment={NASTY: NASTY}
    )
