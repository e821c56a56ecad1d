"""The command line: verbs, options and exit codes. Torch is imported by the verbs that need it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from conform import __version__
from conform.errors import ConformError

app = typer.Typer(
    name="conform",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Check implementations of transformer building blocks against written laws.",
)

Targets = Annotated[
    list[str],
    typer.Option(
        "--target",
        "-t",
        help="reference, kernels, torch, a module, a .py file, a package folder or an "
        "entry point; repeatable",
    ),
]
Operators = Annotated[list[str] | None, typer.Option("--operator", help="only this operator")]
Properties = Annotated[list[str] | None, typer.Option("--property", help="only ids that match")]
LevelName = Annotated[str, typer.Option(help="must, should or may: what gates the exit code")]
File = Annotated[Path | None, typer.Option()]


def _version(value: bool) -> None:
    if value:
        print(f"conform {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Check implementations of transformer building blocks against written laws."""


@app.command()
def run(
    target: Targets,
    operator: Operators = None,
    property_: Properties = None,
    level: LevelName = "must",
    profile: Annotated[str, typer.Option(help="quick, default or thorough")] = "default",
    dtype: Annotated[list[str] | None, typer.Option(help="only this dtype; repeatable")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda; default: as the target declares")] = "",
    seed: Annotated[int, typer.Option(help="the same seed draws the same cases")] = 0,
    jobs: Annotated[int, typer.Option(help="processes; operators are dealt out to them")] = 1,
    timeout: Annotated[
        float, typer.Option(help="seconds a call may take, of CPU time while it computes")
    ] = 30.0,
    shard: Annotated[str, typer.Option(help="I/N: the I-th of N parts")] = "1/1",
    out: Annotated[Path | None, typer.Option(help="folder for case files and events")] = None,
    json: Annotated[Path | None, typer.Option(help="write the JSON result")] = None,
    html: Annotated[Path | None, typer.Option(help="write the HTML report")] = None,
    junit: Annotated[Path | None, typer.Option(help="write JUnit XML")] = None,
    sarif: Annotated[Path | None, typer.Option(help="write SARIF")] = None,
    markdown: Annotated[Path | None, typer.Option(help="write a Markdown summary")] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="excuse the failures of this result")
    ] = None,
    resume: Annotated[bool, typer.Option(help="go on with the run in --out")] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", "-x", help="stop at the first violation that gates")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="failures and the verdict only")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="a line for every verdict")
    ] = False,
) -> None:
    """Check targets: 0 conforms, 1 does not, 2 wrong request, 3 incomplete."""
    from conform.commands.run import RunOptions, run_command

    files = {"json": json, "html": html, "junit": junit, "sarif": sarif, "markdown": markdown}
    options = RunOptions(
        tuple(target),
        tuple(operator or ()),
        tuple(property_ or ()),
        level,
        profile,
        tuple(dtype or ()),
        device,
        seed,
        jobs,
        timeout,
        shard,
        out,
        {kind: path for kind, path in files.items() if path is not None},
        baseline,
        resume,
        fail_fast,
        quiet,
        verbose,
    )
    raise typer.Exit(run_command(options))


@app.command("list")
def list_(
    operator: Operators = None,
    properties: Annotated[bool, typer.Option("--properties", help="list property ids")] = False,
) -> None:
    """List operators, or properties."""
    from conform.commands.show import list_command

    list_command(tuple(operator or ()), properties or bool(operator))


@app.command()
def explain(
    identifier: Annotated[str | None, typer.Argument(help="property, operator or mistake")] = None,
    vocabulary: Annotated[
        bool, typer.Option("--vocabulary", help="all words of the law language")
    ] = False,
) -> None:
    """Explain a property, an operator or the law language."""
    from conform.commands.show import explain_command

    explain_command(identifier, vocabulary)


@app.command()
def smoke(
    target: Annotated[str, typer.Argument()], device: Annotated[str, typer.Option()] = ""
) -> None:
    """Load a target, say what it claims and call each operator once."""
    from conform.commands.targets import smoke_command

    raise typer.Exit(smoke_command(target, device))


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="name of the target file to write")],
    operator: Operators = None,
) -> None:
    """Write a starter target file."""
    from conform.commands.targets import init_command

    init_command(name, tuple(operator or ("attention",)))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="a case file")],
    target: Annotated[str, typer.Option(help="another target than the recorded one")] = "",
    snippet: Annotated[bool, typer.Option("--snippet", help="print a standalone script")] = False,
    timeout: Annotated[float, typer.Option()] = 30.0,
) -> None:
    """Run one recorded case again: prints fixed or still fails."""
    from conform.commands.replay import replay_command

    raise typer.Exit(replay_command(file, target, snippet, timeout))


@app.command()
def lint(specs: Annotated[list[Path], typer.Argument(help="spec files")]) -> None:
    """Check spec files."""
    from conform.commands.show import lint_command

    lint_command(specs)


@app.command()
def adequacy(
    operator: Operators = None,
    profile: Annotated[str, typer.Option()] = "default",
    json: File = None,
) -> None:
    """Show which property catches which well-known mistake; 1 unless every mistake is caught."""
    from conform.commands.adequacy import adequacy_command

    raise typer.Exit(adequacy_command(tuple(operator or ()), profile, json))


@app.command()
def coverage(
    result: Annotated[
        Path | None, typer.Option(help="a JSON result on the reference: only what held counts")
    ] = None,
    json: File = None,
    show: Annotated[str, typer.Option(help="list the claims of one state, e.g. missing")] = "",
    html: File = None,
) -> None:
    """Show which claims of the decks are checked; 0 when each is checked or excluded."""
    from conform.commands.coverage import coverage_command

    raise typer.Exit(coverage_command(result, json, show, html))


@app.command()
def calibrate(
    operator: Operators = None,
    runs: Annotated[int, typer.Option(help="correct runs per operator")] = 200,
    out: Annotated[Path | None, typer.Option(help="write the table here")] = None,
) -> None:
    """Measure false alarms and caught mutants of the numeric criterion."""
    from conform.commands.calibrate import calibrate_command

    raise typer.Exit(calibrate_command(tuple(operator or ()), runs, out))


@app.command()
def bench(
    target: Annotated[str, typer.Option("--target", "-t", help="as for `conform run`")] = "kernels",
    case: Annotated[
        list[str] | None, typer.Option(help="only this operator, or cases that match; repeatable")
    ] = None,
    rounds: Annotated[int, typer.Option(help="timed calls of each implementation")] = 20,
    seed: Annotated[int, typer.Option(help="of the inputs and the order")] = 0,
    out: Annotated[Path, typer.Option(help="folder for bench.json and bench.md")] = Path("bench"),
    list_: Annotated[bool, typer.Option("--list", help="only list the cases")] = False,
) -> None:
    """Time a target on a GPU beside torch and libraries, every output checked; 2 without a GPU."""
    from conform.commands.bench import bench_command

    raise typer.Exit(bench_command(target, tuple(case or ()), rounds, seed, out, list_))


@app.command()
def merge(
    results: Annotated[list[Path], typer.Argument(help="JSON results, e.g. of shards")],
    json: File = None,
    html: File = None,
) -> None:
    """Join results of shards or targets into one."""
    from conform.commands.results import merge_command

    raise typer.Exit(merge_command(results, json, html))


@app.command()
def compare(
    before: Annotated[Path, typer.Argument()], after: Annotated[Path, typer.Argument()]
) -> None:
    """Compare two JSON results: 1 when something that passed is violated now."""
    from conform.commands.results import compare_command

    raise typer.Exit(compare_command(before, after))


@app.command()
def baseline(
    result: Annotated[Path, typer.Argument(help="a JSON result")],
    out: Annotated[Path, typer.Option(help="the file to write")] = Path("baseline.json"),
) -> None:
    """Accept a result's violations: `conform run --baseline` then gates on new ones only."""
    from conform.commands.baseline import baseline_command

    raise typer.Exit(baseline_command(result, out))


@app.command()
def schema() -> None:
    """Print the JSON Schema of spec files."""
    from conform.commands.show import schema_command

    schema_command()


def main() -> None:
    """Entry point. A ConformError is printed without a traceback and gives its exit code."""
    try:
        app()
    except ConformError as error:
        print(f"conform: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
