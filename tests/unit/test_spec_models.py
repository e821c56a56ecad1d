"""The JSON Schema for editors, and what every built-in spec must say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import conform_spec
from conform.commands.show import schema_command
from conform.nearest import nearest_name
from conform.spec.book import Book, built_in, load
from conform.spec.models import OperatorSpec

ROOT = Path(conform_spec.__file__).parent
FILES = sorted(f for f in ROOT.rglob("*.yaml") if f.parent.name != "ledger")
KINDS = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def printed_schema(capsys: pytest.CaptureFixture[str]) -> Any:
    schema_command()
    return json.loads(capsys.readouterr().out)


def faults(root: Any, schema: Any, value: Any, path: str = "") -> list[str]:
    """Why `value` breaks `schema`, for the part of JSON Schema that Pydantic writes."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in schema:
        found = [faults(root, option, value, path) for option in schema["anyOf"]]
        return [] if any(not item for item in found) else min(found, key=len)
    kind = schema.get("type")
    wrong_bool = isinstance(value, bool) and kind in ("integer", "number")
    if kind and (not isinstance(value, KINDS[kind]) or wrong_bool):
        return [f"{path}: {value!r} is no {kind}"]
    out = []
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{path}: {value!r}")
    if "const" in schema and value != schema["const"]:
        out.append(f"{path}: {value!r}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        out.append(f"{path}: {value!r} does not match")
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        out.append(f"{path}: too long")
    if isinstance(value, list):
        out += [
            f
            for i, x in enumerate(value)
            for f in faults(root, schema.get("items", {}), x, f"{path}[{i}]")
        ]
    if isinstance(value, dict):
        out += [f"{path}: lacks {key}" for key in schema.get("required", ()) if key not in value]
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        patterns = schema.get("patternProperties", {})
        for key, item in value.items():
            fitting = [own for pattern, own in patterns.items() if re.search(pattern, key)]
            if key in known or fitting:
                for own in [known[key]] if key in known else fitting:
                    out += faults(root, own, item, f"{path}.{key}")
            elif more is False or patterns:
                out.append(f"{path}: unknown {key}")
            elif isinstance(more, dict):
                out += faults(root, more, item, f"{path}.{key}")
    return out


def walk(node: Any) -> Any:
    yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from walk(child)


def test_the_schema_is_well_formed(capsys: pytest.CaptureFixture[str]) -> None:
    schema = printed_schema(capsys)
    references = {
        n["$ref"] for n in walk(schema) if isinstance(n, dict) and isinstance(n.get("$ref"), str)
    }
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}
    for node in walk(schema["$defs"]):
        if isinstance(node, dict) and isinstance(node.get("type"), str):
            assert node["type"] in KINDS
    assert schema["$defs"]["OperatorSpec"]["additionalProperties"] is False
    assert schema["$defs"]["PropertySpec"]["properties"]["law"]["maxLength"] == 2000


def test_the_file_for_editors_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert json.loads((ROOT / "schema.json").read_text()) == printed_schema(capsys)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_specs_obey_the_schema(file: Path) -> None:
    schema = json.loads((ROOT / "schema.json").read_text())
    assert faults(schema, schema, yaml.safe_load(file.read_text())) == []
    first = file.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (file.parent / first.split("=", 1)[1]).resolve() == ROOT / "schema.json"


def test_the_schema_refuses_what_the_loader_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    schema = printed_schema(capsys)
    good = yaml.safe_load((ROOT / "norm" / "rms_norm.yaml").read_text())
    assert faults(schema, schema, good) == []
    assert faults(schema, schema, {**good, "sumary": "x"})
    assert faults(schema, schema, {**good, "dims": ["E"]})
    assert faults(schema, schema, {**good, "dims": {"1E": "3"}})
    assert faults(schema, schema, {**good, "inputs": {"x": {"shapes": ["E"]}}})
    assert faults(schema, schema, {k: v for k, v in good.items() if k != "result"})


def test_all_specs_load() -> None:
    book = built_in()
    first = [file for file in FILES if "\noperator: " in file.read_text()]
    assert len(book.operators) == len(first)
    further = [file for file in FILES if "\ncontinues: " in file.read_text()]
    assert (
        len(first) + len(further) == len(FILES) - 2
    )  # hygiene.yaml and sizes.yaml hold templates only
    for name, operator in book.operators.items():
        assert Path(operator.file) == ROOT / operator.spec.domain / f"{name}.yaml"
        for law in operator.properties:
            assert law.law is not None
            assert len(law.lets) == len(law.spec.let)


def test_loading_twice_gives_the_same_book() -> None:
    assert load(FILES).operators.keys() == built_in().operators.keys()


def test_ids_are_unique() -> None:
    ids = [p.id for p in built_in().properties]
    assert len(set(ids)) == len(ids)
    for operator in built_in().operators.values():
        mistakes = [m.id for m in operator.spec.mistakes]
        assert len(set(mistakes)) == len(mistakes), operator.name


def test_every_property_has_a_reason_and_every_claim_an_id() -> None:
    for law in built_in().properties:
        assert law.spec.claims or law.spec.rationale, law.id
        for claim in law.spec.claims:
            assert re.fullmatch(r"(CMU|PEFT|MIT)-\d{3}", claim), (law.id, claim)


def test_every_operator_has_a_source_laws_and_mistakes() -> None:
    for name, operator in built_in().operators.items():
        spec = operator.spec
        assert spec.source or spec.note, name
        assert any(p.kind == "law" and not p.template for p in operator.properties), name
        assert spec.mistakes, name
        for mistake in spec.mistakes:
            assert bool(mistake.formula) != bool(mistake.python), f"{name}.{mistake.id}"


def test_hygiene_is_asked_of_every_operator() -> None:
    for name, operator in built_in().operators.items():
        ids = {p.id for p in operator.properties}
        for law in (
            "inputs-unchanged",
            "margins-unwritten",
            "global-state",
            "repeatable",
            "result-kept",
            "layout",
        ):
            assert f"{name}.hygiene.{law}" in ids


def test_operators_of_the_contract_are_there() -> None:
    names = set(built_in().operators)
    assert {
        "attention",
        "softmax",
        "rope",
        "alibi_slopes",
        "layer_norm",
        "rms_norm",
        "batch_norm",
        "feed_forward",
        "glu_feed_forward",
        "gelu",
        "swish",
        "embedding",
        "language_model_loss",
        "pre_norm_residual",
        "flash_attention",
        "linear_attention",
    } <= names


def test_names_of_laws_options_and_gradients_exist() -> None:
    for name, operator in built_in().operators.items():
        spec: OperatorSpec = operator.spec
        assert set(spec.gradient) <= set(spec.inputs), name
        for law in spec.properties:
            assert set(law.options) <= set(spec.options), law.id
            assert set(law.dims) <= set(spec.dims), law.id


def test_unknown_names_are_answered_with_the_nearest() -> None:
    book: Book = built_in()
    with pytest.raises(Exception, match="did you mean 'attention'"):
        book.operator("atention")
    with pytest.raises(Exception, match=r"did you mean 'rms_norm\.odd'"):
        book.property("rms_norm.od")
    assert book.property("rms_norm.odd").operator == "rms_norm"
    assert nearest_name("zzzzzz", book.operators) is None
    assert nearest_name("ATTENTION", book.operators) == "attention"
