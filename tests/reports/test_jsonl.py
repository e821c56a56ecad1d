"""The event file: written as it happens, honest about being cut off, resumable."""

from __future__ import annotations

from pathlib import Path

import pytest
import samples

from conform.errors import ConformError
from conform.events import Note, RunFinished, RunStarted, VerdictReached
from conform.jsonl import JsonlListener, read_stream

HEADER = RunStarted(("mykernel",), 0, "default")
TARGET = samples.mykernel()
RESULT = samples.run(TARGET)


def write(path: Path, count: int, *, finish: bool) -> None:
    """A stream with the first `count` verdicts."""
    listen = JsonlListener(path)
    listen(HEADER)
    for verdict in TARGET.verdicts[:count]:
        listen(VerdictReached("mykernel", verdict))
    if finish:
        listen(RunFinished(RESULT))
    listen.close()


def test_verdicts_are_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 10, finish=True)
    stream = read_stream(path)
    assert stream.verdicts == {"mykernel": TARGET.verdicts}
    assert stream.finished
    assert stream.complete
    assert stream.footer["exit_code"] == 1
    assert stream.header["profile"] == "default"


def test_every_event_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    listen = JsonlListener(path)
    listen(HEADER)
    listen(Note("mykernel", samples.NASTY))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2
    listen.close()


def test_a_stream_without_footer_is_not_finished(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 4, finish=False)
    stream = read_stream(path)
    assert not stream.finished
    assert not stream.complete
    assert len(stream.verdicts["mykernel"]) == 4


def test_an_interrupted_run_is_finished_but_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    listen = JsonlListener(path)
    listen(HEADER)
    listen(RunFinished(samples.run(TARGET, complete=False)))
    stream = read_stream(path)
    assert stream.finished
    assert not stream.complete


@pytest.mark.parametrize("lost", [1, 2, 40])
def test_a_line_cut_in_the_middle_is_dropped_and_resumed_over(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 4, finish=False)
    path.write_bytes(path.read_bytes()[:-lost])
    assert len(read_stream(path).verdicts["mykernel"]) == 3
    listen = JsonlListener(path, resume=True)
    listen(HEADER)
    for verdict in TARGET.verdicts[3:]:
        listen(VerdictReached("mykernel", verdict))
    assert not read_stream(path).finished
    listen(RunFinished(RESULT))
    stream = read_stream(path)
    assert stream.verdicts["mykernel"] == TARGET.verdicts
    assert stream.complete


def test_a_cut_footer_is_no_footer(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 10, finish=True)
    path.write_bytes(path.read_bytes()[:-1])
    assert not read_stream(path).finished


def test_resuming_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 4, finish=False)
    listen = JsonlListener(path, resume=True)
    listen(RunStarted(("mykernel",), 7, "default"))
    listen.close()
    with pytest.raises(ConformError, match="seed=7 continues a run with seed=0"):
        read_stream(path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, 2, finish=False)
    path.write_text(path.read_text(encoding="utf-8") + "nonsense\n", encoding="utf-8")
    with pytest.raises(ConformError, match=r"events\.jsonl:4: no event") as caught:
        read_stream(path)
    assert caught.value.slug == "broken-stream"


def test_a_file_without_header_is_no_stream(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    with pytest.raises(ConformError, match="no header"):
        read_stream(path)


def test_nothing_follows_the_footer(tmp_path: Path) -> None:
    listen = JsonlListener(tmp_path / "events.jsonl")
    listen(HEADER)
    listen(RunFinished(RESULT))
    with pytest.raises(ValueError, match="Note after RunFinished"):
        listen(Note("mykernel", "late"))
