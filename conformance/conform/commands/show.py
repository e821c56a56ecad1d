"""`conform list`, `explain`, `lint`, `schema`: what the specs say. No torch needed."""

from __future__ import annotations

import json
from pathlib import Path

from conform.errors import ConformError
from conform.nearest import nearest
from conform.spec.book import Book, Property, built_in, load
from conform_spec.conventions import APPLIES, CONVENTIONS


def list_command(operators: tuple[str, ...], properties: bool) -> None:
    """Operators by domain, or property ids."""
    book = built_in()
    for name in operators:
        book.operator(name)
    if properties:
        for law in book.properties:
            if not operators or law.operator in operators:
                print(f"{law.id:60s} {law.spec.level:6s} {law.spec.statement}")
        return
    domains: dict[str, list[str]] = {}
    for name, operator in book.operators.items():
        domains.setdefault(operator.spec.domain, []).append(name)
    for domain, names in domains.items():
        print(domain)
        for name in names:
            operator = book.operators[name]
            counts = (
                f"{len(operator.properties)} properties, {len(operator.spec.mistakes)} mistakes"
            )
            print(f"  {name:28s} {operator.spec.summary} ({counts})")


def explain_command(identifier: str | None, vocabulary: bool) -> None:
    """A property, an operator, a mistake, or the words of the law language."""
    if vocabulary:
        from conform.law.vocabulary import describe

        for kind, name, words in describe():
            print(f"{kind:9s} {name:20s} {words}")
        return
    if identifier is None:
        raise ConformError(
            "nothing-to-explain",
            "name a property, an operator or a mistake",
            hint="or ask for the law language with --vocabulary",
        )
    book = built_in()
    if identifier in book.operators:
        _explain_operator(book, identifier)
        return
    for name, operator in book.operators.items():
        for mistake in operator.spec.mistakes:
            if f"{name}.{mistake.id}" == identifier:
                print(f"{identifier}: {mistake.note}\n{mistake.formula or mistake.python}")
                return
    known = [p.id for p in book.properties] + list(book.operators)
    found = [p for p in book.properties if p.id == identifier]
    if not found:
        raise ConformError(
            "unknown-name",
            f"nothing is called {identifier!r}{nearest(identifier, known)}",
            hint="`conform list --properties`",
        )
    _explain_property(found[0])


def _explain_operator(book: Book, name: str) -> None:
    operator = book.operators[name]
    spec = operator.spec
    print(f"{name}: {spec.summary}\nsource: {spec.source}\nspec: {operator.file}")
    for given, form in spec.inputs.items():
        print(f"input {given}{_form(form.shape, form.dtype)}{', may be None' * form.optional}")
    for result in spec.results:
        dtype = result.dtype if isinstance(result.dtype, str) else " or ".join(result.dtype)
        words = _form(result.shape, None if dtype == "same" else dtype)
        print(f"result{words}" if result.kind == "tensor" else f"result: {result.kind}")
    for option, item in spec.options.items():
        print(f"option {option} = {item.default}")
    for convention, values in _conventions(name):
        print(f"convention {convention}: {' | '.join(values)}")
    for model, rounding in spec.accuracy.rounding.items():
        words = ", ".join(rounding.forward) or "one final rounding"
        print(f"rounding model {model}: {words}" + (f". {rounding.note}" if rounding.note else ""))
    if spec.accuracy.note:
        print(f"accuracy: {spec.accuracy.note}")
    for law in operator.properties:
        print(f"  {law.id} ({law.spec.level}): {law.spec.statement}")
    for mistake in spec.mistakes:
        print(f"  mistake {name}.{mistake.id}: {mistake.note}")


def _conventions(operator: str) -> list[tuple[str, tuple[str, ...]]]:
    """Those that concern the operator, with their values, the default first."""
    return [
        (name, values)
        for name, values in CONVENTIONS.items()
        if name not in APPLIES or operator in APPLIES[name]
    ]


def _form(shape: tuple[str, ...] | None, dtype: str | None) -> str:
    """[B, L, E] of an input or result, then its dtype unless it is the one under test."""
    dims = "" if shape is None else f"[{', '.join(shape)}]"
    return dims + (f": {dtype}" if dtype else "")


def _explain_property(law: Property) -> None:
    spec = law.spec
    print(f"{law.id} ({spec.level})\n{spec.statement}")
    if spec.where:
        print(f"where {spec.where}")
    for name, text in {**spec.draw, **spec.let}.items():
        print(f"  {name} = {text}")
    print(f"law: {spec.law}")
    if spec.holds != "always":
        print(f"holds: {spec.holds}")
    if spec.claims:
        print(f"claims: {', '.join(spec.claims)}")
    for label, words in (
        ("rationale", spec.rationale),
        ("note", spec.note),
        ("source", spec.source),
    ):
        if words:
            print(f"{label}: {words}")
    print(f"spec: {law.file}")


def lint_command(specs: list[Path]) -> None:
    """Check spec files together with the built-in ones' operators."""
    from importlib.resources import files

    from conform.spec.ledger import read_ledger

    root = Path(str(files("conform_spec")))
    for path in (path for path in specs if path.parent.name == "ledger"):
        print(f"{path}: {len(read_ledger(path))} claims")
    specs = [path for path in specs if path.parent.name != "ledger"]
    own = {path.resolve() for path in specs}
    built = (p for p in sorted(root.rglob("*.yaml")) if p.parent.name != "ledger")
    others = [p for p in built if p.resolve() not in own]
    replaced = {load_name(path) for path in specs}
    book = load([*specs, *(p for p in others if load_name(p) not in replaced)])
    from conform.draw.structure import check
    from conform.law.grammar import LawError

    for operator in book.operators.values():
        if Path(operator.file).resolve() in own:
            try:
                check(operator.spec)
            except LawError as error:
                raise ConformError(
                    "bad-expression", f"{error.message}", where=operator.file
                ) from None
    print(f"{len(specs)} spec{'s' if len(specs) != 1 else ''}: no fault found")


def load_name(path: Path) -> str:
    """The operator a spec file is about, by its first lines; its path when it does not say."""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("operator:"):
                return line.split(":", 1)[1].strip()
    except (OSError, UnicodeDecodeError):
        pass
    return str(path)


def schema_command() -> None:
    """The JSON Schema of spec files, for editors."""
    from pydantic import TypeAdapter

    from conform.spec.models import AnySpec

    print(json.dumps(TypeAdapter(AnySpec).json_schema(by_alias=True), indent=1))
