"""The HTML page: safe with hostile text, self-contained, small, and true to the outcomes."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import samples

from conform.records import Outcome, RunResult
from conform.wording import LOOKS
from conform_reports import html

VOID = {"meta", "link", "input", "br", "hr", "img"}
# HTML lets these end by themselves; the tables leave their end tags out to stay small.
IMPLIED = {"li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "p"}


class Page(HTMLParser):
    """Tags with attributes, text, and a check that the other tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID | IMPLIED:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID | IMPLIED:
            opened = self.stack.pop()
            assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def mixed() -> str:
    return html.render(samples.run(samples.passing_target(), samples.mykernel()))


def test_tags_nest(mixed: str) -> None:
    assert Page(mixed).stack == []


def test_loads_nothing(mixed: str) -> None:
    for tag, attributes in Page(mixed).tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in mixed
    assert "url(" not in mixed


def test_hostile_text_stays_text() -> None:
    text = html.render(samples.nasty_run())
    page = Page(text)
    assert page.stack == []
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "{{ 7*7 }}" in text


def test_verdict_and_counts_come_before_failures_and_matrix(mixed: str) -> None:
    text = Page(mixed.split("</head>")[1].removesuffix("</html>")).text()
    sentence = text.index("1 of 2 targets conforms; mykernel does not conform.")
    counts = text.index("16 ✓ pass")
    failure = text.index("equals the reference with the mistake attention.scale-by-dim")
    assert sentence < counts < failure < text.index("Verdicts (law × dtype) by operator")
    assert "1: a gating law is violated" in text


def test_failure_shows_diagnosis_before_its_law_and_case(mixed: str) -> None:
    block = Page(mixed.split('id="failure-1"')[1].split("</article>")[0]).text()
    parts = [
        "equals the reference with the mistake attention.scale-by-dim",
        "agrees with the reference within",
        "ref.attention(*inputs",
        "regime normal, contiguous",
        "expected 0.41217",
        "conform replay out/cases",
        "CMU-047",
        "also in bf16",
    ]
    places = [block.index(part) for part in parts]
    assert places == sorted(places)


def test_failures_are_open_without_script(mixed: str) -> None:
    before = mixed.split('id="failure-1"')[0].split("<main>")[1]
    assert "<details" not in before


def test_every_outcome_is_named_and_only_passes_look_like_passes(mixed: str) -> None:
    for outcome in Outcome:
        assert f"{LOOKS[outcome].sign} {outcome}" in mixed
    rows = re.findall(r"<td class=(\w+)>(\S+) (\w+)<td>", mixed)
    assert len(rows) == 25
    for css, sign, word in rows:
        assert css == word
        assert sign == LOOKS[Outcome(word)].sign


def test_what_was_not_judged_is_listed(mixed: str) -> None:
    text = Page(mixed.split('id="undecided"')[1].split("</section>")[0]).text()
    for part in ("Incomplete", "Unsupported", "reason for unsupported", "Excused", "option window"):
        assert part in text


def test_declarations_are_shown(mixed: str) -> None:
    text = Page(mixed.split('id="targets"')[1].split("</section>")[0]).text()
    assert "attention.conventions" in text
    assert "softmax" not in text, "what was not judged is not shown"
    assert "BLHD" in text


def test_interrupted_run_says_so() -> None:
    text = html.render(samples.run(samples.passing_target(), complete=False))
    assert "This run was stopped early." in text
    assert "130: interrupted" in text


def test_infinite_ratio_fills_the_bar(mixed: str) -> None:
    assert "<b style=--r:100%>∞</b>" in mixed


def test_run_without_descriptions_still_renders() -> None:
    bare = replace(samples.run(samples.mykernel()), properties=())
    assert "rope.relative-only" in html.render(bare)


def test_empty_run_is_no_success() -> None:
    text = html.render(samples.run())
    assert "Nothing was run." in text
    assert '<h1 class="warn">' in text


DTYPES = ("float64", "float32", "bfloat16", "float16")


def _many(laws: int, dtypes: tuple[str, ...], outcome: Outcome) -> RunResult:
    """Verdicts on `laws` laws for five targets in each of `dtypes`."""
    infos = [replace(samples.LAWS[0], id=f"attention.law-{n}") for n in range(laws)]
    good = samples.verdict("attention.x", Outcome.PASS)
    one = good if outcome is Outcome.PASS else samples.WRONG_SCALE
    its = tuple(replace(one, property=info.id, dtype=dtype) for info in infos for dtype in dtypes)
    targets = [replace(samples.passing_target(f"target-{n}"), verdicts=its) for n in range(5)]
    return replace(samples.run(*targets), properties=tuple(infos))


def _size(result: RunResult) -> int:
    return len(html.render(result).encode())


def test_shell_is_small() -> None:
    assert _size(samples.run()) < 60_000


def test_a_passing_result_costs_at_most_100_bytes() -> None:
    one = _size(_many(250, DTYPES[:1], Outcome.PASS))
    four = _size(_many(250, DTYPES, Outcome.PASS))
    assert (four - one) / (250 * 5 * 3) <= 100
    # With the laws' own text (250 of them) and everything around it, for 5000 results.
    assert four <= 60_000 + 5000 * 100 + 250 * 600


def test_a_failure_costs_at_most_1_kb() -> None:
    one = _size(_many(20, DTYPES[:1], Outcome.FAIL))
    four = _size(_many(20, DTYPES, Outcome.FAIL))
    assert four / 400 <= 1024 + 60_000 / 400
    assert (four - one) / (20 * 5 * 3) <= 1024


def test_write_makes_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "report.html"
    html.write(samples.run(samples.passing_target()), path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
