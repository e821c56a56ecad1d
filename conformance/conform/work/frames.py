"""Tracebacks shortened to the frames of the user's own files."""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

from conform.work.protocol import ExceptionInfo

_OURS = str(Path(__file__).resolve().parents[1])
_MACHINERY = tuple(
    dict.fromkeys(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib"))
)
_KEPT_FRAMES = 8
_KEPT_MESSAGE = 4000


def is_user_file(filename: str) -> bool:
    """Whether a frame's file is the user's: not ours, not installed, not the interpreter's."""
    if filename.startswith("<"):
        return False
    return not filename.startswith((_OURS, *_MACHINERY))


def user_traceback(error: BaseException) -> str:
    """The user's frames, most recent last; when there are none, the last two of any kind."""
    frames = traceback.extract_tb(error.__traceback__)
    kept = [frame for frame in frames if is_user_file(frame.filename)]
    if not kept:
        kept = [frame for frame in frames if not frame.filename.startswith((_OURS, "<"))][-2:]
    text = "".join(traceback.format_list(kept[-_KEPT_FRAMES:]))
    if isinstance(error, SyntaxError):
        text += "".join(traceback.format_exception_only(error)[:-1])
    return text


_STACK_LINE = re.compile(r'^  File "(?P<file>[^"]+)", line \d+ in .*$', re.MULTILINE)


def stack_from_log(log: str) -> str:
    """The user's frames of the last stack that faulthandler wrote into a log; innermost first."""
    _, found, stack = log.rpartition("(most recent call first):")
    if not found:
        return ""
    lines = [match.group(0) for match in _STACK_LINE.finditer(stack) if is_user_file(match["file"])]
    return "\n".join(lines[:_KEPT_FRAMES]) + "\n" if lines else ""


def describe_exception(error: BaseException, stage: str = "call") -> ExceptionInfo:
    """What the target raised, in words."""
    name = type(error).__name__
    message = _message(error)
    if isinstance(error, SystemExit):
        message = f"called sys.exit({error.code!r})"
    elif is_out_of_memory(error):
        message = f"out of memory: {message}" if message else "out of memory"
    return ExceptionInfo(name, message[:_KEPT_MESSAGE], user_traceback(error), stage)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - a target's __str__ may do anything
        return f"(its message cannot be shown: {type(failure).__name__})"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's error, or what torch's allocators raise instead of it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in _message(error)
