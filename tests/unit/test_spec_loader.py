"""Bad specs: every fault is told with file:line:column, the offending text and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from conform.cli import main
from conform.commands.show import lint_command
from conform.errors import ConformError
from conform.spec.book import load
from conform.spec.loader import SpecError, read_document, validate

GOOD = """\
operator: doubled
domain: norm
summary: Twice the input.
reference: conform_reference.norm:rms_norm
dims:
  E: int(1, 8)
inputs:
  x: {shape: [E]}
result: {shape: [E]}
properties:
- id: doubled.odd
  rationale: an example
  statement: Negating the input negates the result.
  law: "doubled(-x) == -doubled(x)"
"""


def write(folder: Path, text: str, name: str = "doubled.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def fault(folder: Path, text: str) -> SpecError:
    path = write(folder, text)
    with pytest.raises(SpecError) as caught:
        load([path])
    assert caught.value.exit_code == 2
    return caught.value


def place(error: ConformError) -> str:
    """`line:column` of an error in a file of the test's folder; the file is checked."""
    assert error.where is not None
    assert "doubled.yaml" in error.where
    return error.where.split("doubled.yaml", 1)[1].lstrip(":")


def position_of(text: str, piece: str) -> str:
    """1-based line:column at which `piece` first stands."""
    before = text[: text.index(piece)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_the_example_is_right(tmp_path: Path) -> None:
    book = load([write(tmp_path, GOOD)])
    assert [p.id for p in book.properties] == ["doubled.agrees-with-reference", "doubled.odd"]


@pytest.mark.parametrize(
    ("old", "new", "at", "slug", "words"),
    [
        ("summary:", "sumary:", "sumary:", "unknown-key", ["'sumary'", "did you mean 'summary'?"]),
        (
            "  statement:",
            "  statment:",
            "statment:",
            "unknown-key",
            ["'statment'", "did you mean 'statement'?", "properties.0"],
        ),
        (
            "x: {shape: [E]}",
            "x: {shapes: [E]}",
            "shapes:",
            "unknown-key",
            ["'shapes'", "did you mean 'shape'?", "inputs.x"],
        ),
        (
            "properties:\n",
            "properties:\n- {id: doubled.b, statement: too late, law: 'True', wher: 'E > 1'}\n",
            "wher:",
            "unknown-key",
            ["'wher'", "did you mean 'where'?"],
        ),
        ("dims:\n  E: int(1, 8)", "dims: [E]", "[E]\ninputs", "wrong-type", ["dims", "['E']"]),
        (
            "shape: [E]}\nresult",
            "shape: 5}\nresult",
            "5}\nresult",
            "wrong-type",
            ["inputs.x.shape", "5"],
        ),
        (
            "id: doubled.odd",
            "id: Doubled!",
            "Doubled!",
            "wrong-type",
            ["properties.0.id", "Doubled!"],
        ),
        (
            "statement: Negating the input negates the result.",
            "statement: short",
            "short",
            "wrong-type",
            ["properties.0.statement", "'short'"],
        ),
        (
            "  rationale: an example",
            "  level: musst",
            "musst",
            "wrong-value",
            ["'musst'", "did you mean 'must'?"],
        ),
        (
            "  rationale: an example",
            "  holds: allways",
            "allways",
            "wrong-value",
            ["'allways'", "did you mean 'always'?"],
        ),
        (
            "  rationale: an example",
            "  dtypes: [float23]",
            "float23",
            "wrong-value",
            ["'float23'", "did you mean 'float32'?"],
        ),
        (
            "  rationale: an example",
            "  regimes: [normal, larg]",
            "larg]",
            "wrong-value",
            ["'larg'", "did you mean 'large'?"],
        ),
        ('  law: "doubled(-x) == -doubled(x)"\n', "", "id: doubled.odd", "missing-key", ["'law'"]),
        ("summary: Twice the input.\n", "", "operator: doubled", "missing-key", ["'summary'"]),
        (
            "summary: Twice the input.",
            "summary: Twice.\ndomain: loss",
            "domain: loss",
            "duplicate-key",
            ["'domain'", "twice"],
        ),
        (
            '-doubled(x)"',
            '-dubled(x)"',
            "dubled(x)",
            "bad-expression",
            ["'dubled'", "did you mean 'doubled'?"],
        ),
        ('-doubled(x)"', '-doubled(xx)"', "xx)", "bad-expression", ["unknown name 'xx'"]),
        (
            '-doubled(x)"',
            '-ref.dubled(x)"',
            "ref.dubled",
            "bad-expression",
            ["'dubled'", "did you mean 'doubled'?"],
        ),
        (
            "E: int(1, 8)",
            "E: intt(1, 8)",
            "intt",
            "bad-expression",
            ["'intt'", "did you mean 'int'?"],
        ),
        ('-doubled(x)"', '-doubled(x"', None, "bad-expression", ["not an expression"]),
        (
            '-doubled(x)"',
            'x.__class__"',
            "x.__class__",
            "bad-expression",
            ["only attributes are ref.<operator>", "x.__class__"],
        ),
        ("summary: Twice the input.", "summary: [unclosed", None, "yaml-syntax", ["not YAML"]),
        (
            "summary: Twice the input.",
            "summary: Twice: the input.",
            ": the input",
            "yaml-syntax",
            ["not YAML", "quote"],
        ),
        ("summary: Twice the input.", "summary: &a Twice", "&a", "yaml-alias", ["anchors"]),
        ("summary: Twice the input.", "summary: *a", "*a", "yaml-alias", ["aliases"]),
        (
            "summary: Twice the input.",
            "summary: !!python/object/apply:os.system ['true']",
            "!!python",
            "yaml-tag",
            ["python/object/apply:os.system"],
        ),
        ("summary: Twice the input.", "summary: !mine Twice", "!mine", "yaml-tag", ["!mine"]),
        ("summary: Twice the input.", "summary: 2024-01-01", "2024", "yaml-tag", ["timestamp"]),
    ],
)
def test_a_fault_is_told_where_it_stands(
    tmp_path: Path, old: str, new: str, at: str | None, slug: str, words: list[str]
) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    error = fault(tmp_path, text)
    assert error.slug == slug, str(error)
    for word in words:
        assert word in str(error)
    expected = position_of(text, at) if at is not None else None
    found = place(error)
    assert found.count(":") == 1
    assert expected is None or found == expected, str(error)


def test_a_repeated_id_names_both_places(tmp_path: Path) -> None:
    again = GOOD[GOOD.index("- id:") :]
    error = fault(tmp_path, GOOD + again)
    assert error.slug == "duplicate-id"
    assert "'doubled.odd'" in error.message
    assert place(error) == "15:7"
    assert "doubled.yaml:11:7" in error.hint


def test_an_id_starts_with_its_operator(tmp_path: Path) -> None:
    error = fault(tmp_path, GOOD.replace("id: doubled.odd", "id: other.odd"))
    assert (error.slug, place(error)) == ("wrong-id", "11:7")
    assert "'other.odd'" in error.message
    assert "'doubled'" in error.message


def test_an_operator_is_specified_once(tmp_path: Path) -> None:
    first = write(tmp_path, GOOD, "first.yaml")
    second = write(tmp_path, GOOD.replace("doubled.odd", "doubled.even"))
    with pytest.raises(SpecError) as caught:
        load([first, second])
    assert caught.value.slug == "duplicate-operator"
    assert place(caught.value) == "1:11"
    assert "first.yaml" in caught.value.hint


def test_a_column_inside_an_unquoted_expression(tmp_path: Path) -> None:
    """Plain scalars have no opening quote that shifts the column."""
    text = GOOD.replace('law: "doubled(-x) == -doubled(x)"', "law: doubled(-x) == -dubled(x)")
    assert place(fault(tmp_path, text)) == position_of(text, "dubled(x)")


def test_alias_bombs_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    error = fault(tmp_path, "\n".join(lines))
    assert (error.slug, place(error)) == ("yaml-alias", "1:5")


def test_oversize_files_are_not_parsed(tmp_path: Path) -> None:
    error = fault(tmp_path, GOOD + "# " + "x" * 300_000)
    assert error.slug == "spec-too-large"
    assert "300" in error.message
    assert "split it" in error.hint


@pytest.mark.parametrize("text", ["[" * 3000 + "]" * 3000, "a: " * 1 + "[" * 40 + "]" * 40])
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, text).slug in ("spec-too-large", "yaml-syntax")


def test_many_nodes_are_refused(tmp_path: Path) -> None:
    error = fault(tmp_path, "a: [" + "1," * 30_000 + "1]")
    assert error.slug == "spec-too-large"


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "doubled.yaml"
    path.write_bytes(GOOD.encode() + b"note: caf\xe9\n")
    with pytest.raises(SpecError) as caught:
        read_document(path)
    assert caught.value.slug == "spec-not-utf8"
    assert str(len(GOOD.encode()) + 9) in caught.value.message


def test_control_characters_are_no_yaml(tmp_path: Path) -> None:
    assert fault(tmp_path, GOOD + "note: \x07\n").slug == "yaml-syntax"


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n", "# only a comment\n"])
def test_a_spec_is_a_mapping(tmp_path: Path, text: str) -> None:
    error = fault(tmp_path, text)
    assert (error.slug, place(error)) == ("spec-empty", "1:1")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot read the spec") as caught:
        read_document(tmp_path / "nowhere.yaml")
    assert caught.value.where == str(tmp_path / "nowhere.yaml")


def test_compound_keys_are_refused(tmp_path: Path) -> None:
    error = fault(tmp_path, "? [a, b]\n: c\n")
    assert (error.slug, place(error)) == ("yaml-key", "1:3")


def test_a_reference_must_be_in_the_reference_package(tmp_path: Path) -> None:
    text = GOOD.replace("conform_reference.norm:rms_norm", "os:system")
    error = fault(tmp_path, text)
    assert place(error) == position_of(text, "os:system")
    assert "os:system" in error.message


def test_an_unknown_reference_function_gets_the_nearest_name(tmp_path: Path) -> None:
    book = load([write(tmp_path, GOOD.replace("norm:rms_norm", "norm:rms_nrom"))])
    with pytest.raises(SpecError, match="did you mean 'rms_norm'"):
        _ = book.operator("doubled").function


@pytest.mark.parametrize("value", ["0x10", "1_000", ".inf", "yes", "~", "1e3"])
def test_yaml_scalars_do_not_break_the_reader(tmp_path: Path, value: str) -> None:
    text = GOOD.replace("result:", f"options:\n  o: {{default: {value}}}\nresult:")
    spec = validate(read_document(write(tmp_path, text)))
    assert not isinstance(spec.options["o"].default, bytes)  # type: ignore[union-attr]


def test_integers_beyond_python_s_digit_limit_are_text(tmp_path: Path) -> None:
    text = GOOD.replace("result:", f"options:\n  o: {{default: {'9' * 5000}}}\nresult:")
    validate(read_document(write(tmp_path, text)))


def test_lint_accepts_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lint_command([write(tmp_path, GOOD)])
    assert "1 spec: no fault found" in capsys.readouterr().out


def test_lint_finds_what_only_drawing_shows(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("E: int(1, 8)", "E: int(1)"))
    with pytest.raises(ConformError, match="int") as caught:
        lint_command([path])
    assert "doubled.yaml" in str(caught.value.where)


@pytest.mark.parametrize(
    "text", ["int(1, 8) / 0", "'a' + 1", "choose()", "length(max=0)", "divisor(0)"]
)
def test_lint_answers_draw_expressions_without_a_value(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, GOOD.replace("E: int(1, 8)", f'E: "{text}"'))
    with pytest.raises(ConformError):
        lint_command([path])


def test_lint_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, GOOD.replace("summary:", "sumary:"))
    monkeypatch.setattr("sys.argv", ["conform", "lint", str(path)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert f"{path}:3:1: unknown key 'sumary'" in told
    assert "did you mean 'summary'?" in told
    assert "Traceback" not in told


MORE = """\
continues: doubled
properties:
- id: doubled.even
  rationale: an example
  statement: Doubling twice is doubling the double.
  law: "doubled(x + x) == doubled(x) + doubled(x)"
mistakes:
- {id: halved, formula: "x / 2"}
"""


def test_a_further_file_continues_an_operator(tmp_path: Path) -> None:
    paths = [write(tmp_path, MORE, "doubled_more.yaml"), write(tmp_path, GOOD)]
    operator = load(paths).operator("doubled")
    own = [(p.id, Path(p.file).name) for p in operator.properties if p.kind == "law"]
    assert own == [("doubled.odd", "doubled.yaml"), ("doubled.even", "doubled_more.yaml")]
    assert [m.id for m in operator.spec.mistakes] == ["halved"]


@pytest.mark.parametrize(
    ("old", "new", "slug", "piece"),
    [
        ("continues: doubled", "continues: dubled", "unknown-operator", "dubled"),
        ("doubled.even", "halved.even", "wrong-id", "halved.even"),
        ("doubled.even", "doubled.odd", "duplicate-id", "doubled.odd"),
        ("doubled(x + x)", "doubled(x + y)", "bad-expression", "y)"),
        ("properties:", "inputs: {}\nproperties:", "unknown-key", "inputs"),
    ],
)
def test_faults_of_a_continuation_are_told_where_they_stand(
    tmp_path: Path, old: str, new: str, slug: str, piece: str
) -> None:
    text = MORE.replace(old, new)
    paths = [write(tmp_path, GOOD), write(tmp_path, text, "doubled_more.yaml")]
    with pytest.raises(SpecError) as caught:
        load(paths)
    assert caught.value.slug == slug
    assert caught.value.where == f"{paths[1]}:{position_of(text, piece)}"


def test_a_dim_that_may_be_empty_is_an_axis_of_an_input(tmp_path: Path) -> None:
    text = GOOD.replace("inputs:", "empty: [F]\ninputs:")
    error = fault(tmp_path, text)
    assert "'F' is no dim that is an axis of an input" in error.message
    assert place(error) == position_of(text, "F]")
    assert load([write(tmp_path, text.replace("[F]", "[E]"))]).operator("doubled").spec.empty


def test_leading_dims_are_the_first_of_an_input(tmp_path: Path) -> None:
    text = GOOD.replace("inputs:", "leading: [E, F]\ninputs:")
    error = fault(tmp_path, text)
    assert "no input begins with the dims [E, F]" in error.message
    assert place(error) == position_of(text, "[E, F]")
    assert load([write(tmp_path, text.replace(", F]", "]"))]).operator("doubled").spec.leading
