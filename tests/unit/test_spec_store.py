"""Checked specs are kept between runs, and made anew whenever anything differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from conform.spec.book import Book
from conform.spec.store import folder, kept


class Maker:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Book:
        self.made += 1
        return Book({})


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_made_once_until_a_file_changes(tmp_path: Path) -> None:
    file, make = tmp_path / "a.yaml", Maker()
    file.write_text("one")
    assert isinstance(kept(Book, [file], make), Book)
    assert isinstance(kept(Book, [file], make), Book)
    assert make.made == 1
    file.write_text("two")
    kept(Book, [file], make)
    assert make.made == 2


@pytest.mark.parametrize("content", [b"", b"cut", b"\x80\x05K\x01."], ids=["empty", "cut", "other"])
def test_a_spoiled_store_is_made_anew(tmp_path: Path, content: bytes) -> None:
    make = Maker()
    kept(Book, [], make)
    (stored,) = folder().glob("book-*.pickle")
    stored.write_bytes(content)
    assert isinstance(kept(Book, [], make), Book)
    assert make.made == 2
    kept(Book, [], make)
    assert make.made == 2


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    folder().parent.mkdir()
    folder().write_text("a file stands where the folder should")
    assert isinstance(kept(Book, [], Maker()), Book)


def test_old_books_are_thrown_away(tmp_path: Path) -> None:
    for text in "abcdefgh":
        file = tmp_path / "a.yaml"
        file.write_text(text)
        kept(Book, [file], Maker())
    assert len(list(folder().glob("*"))) == 4
