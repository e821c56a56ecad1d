"""One worker process as the checker sees it: messages with a deadline, output, and its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import tempfile
import time

from conform.work.arena import Arena, create_arena_file
from conform.work.clock import WorkClock
from conform.work.frames import stack_from_log
from conform.work.wire import ConnectionEnded, DeadlinePassed, Message, MessageReader, send_message
from conform.work.zygote import Zygote

_LOG_KEPT = 64 * 1024
_LOG_TAIL = 2048
_TICK = 1.0  # how often a waiting checker looks at the clock, in seconds
_STACK_WAIT = 0.2  # how long a hanging worker may take to say where it hangs


class Session:
    """A running worker. Not for use by several threads at once."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self._connection, theirs = socket.socketpair()
        self._output, their_output = os.pipe()
        os.set_blocking(self._output, False)
        request_file, reply_file = create_arena_file(), create_arena_file()
        self.requests, self.replies = Arena(request_file), Arena(reply_file)
        self._log = bytearray()
        self.printed = 0
        self._pid: int | None = None
        self._closed = False
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        with theirs:
            try:
                self._pid = zygote.fork([theirs.fileno(), their_output, request_file, reply_file])
            except BaseException:
                self.close()
                raise
            finally:
                os.close(their_output)

    def exchange(self, message: Message, timeout: float) -> Message:
        """Send a message and wait for the answer.

        Raises DeadlinePassed after `timeout` seconds of a WorkClock, ConnectionEnded when the
        worker is gone, ValueError when what it sends is no message.
        """
        self._drain()
        self._log.clear()
        self.printed = 0
        send_message(self._connection, message)
        reader = MessageReader(self._connection)
        clock, spent, looked = WorkClock(self._pid), 0.0, time.monotonic()
        poller = select.poll()
        poller.register(self._connection, select.POLLIN)
        poller.register(self._output, select.POLLIN)
        while True:
            for descriptor, event in poller.poll(1000 * max(0.01, min(timeout - spent, _TICK))):
                if descriptor == self._output:
                    self._drain()
                    if not event & select.POLLIN:
                        poller.unregister(self._output)
                else:
                    answer = reader.poll()
                    if answer is not None:
                        self._drain()
                        return answer
            if time.monotonic() - looked >= min(timeout - spent, _TICK):
                spent, looked = clock.spent(), time.monotonic()
                if spent >= timeout:
                    raise DeadlinePassed

    def log_tail(self) -> str:
        """The end of what the worker printed since the last message was sent."""
        return self._log[-_LOG_TAIL:].decode(errors="replace")

    def user_stack(self) -> str:
        """The user's frames of the stack that a crashing or hanging worker wrote, or ""."""
        return stack_from_log(self._log.decode(errors="replace"))

    def where_it_hangs(self) -> None:
        """Have a hanging worker write its Python stack to its log."""
        if self._pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGUSR1)
        before = self.printed
        deadline = time.monotonic() + _STACK_WAIT
        while time.monotonic() < deadline and self.printed == before:
            time.sleep(0.01)
            self._drain()
        time.sleep(0.01)
        self._drain()

    def ending(self) -> str:
        """How a worker that closed its connection ended, in words."""
        self._drain()
        pid, self._pid = self._pid, None
        words = self._zygote.reap(pid) if pid is not None else "ended"
        self._drain()
        return words

    def _drain(self) -> None:
        """Take what was printed; keep the end of it."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(256):  # a worker that never stops printing must not hold us here
                chunk = os.read(self._output, 65536)
                if not chunk:
                    return
                self.printed += len(chunk)
                self._log += chunk
                del self._log[:-_LOG_KEPT]

    def scratch(self) -> str:
        """A folder that goes with the worker, which is killed and cannot clean up."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="conform-")
        return self._scratch.name

    def close(self) -> None:
        """End the worker, free its memory and remove its folder."""
        if self._closed:
            return
        self._closed = True
        self._connection.close()
        if self._pid is not None:
            pid, self._pid = self._pid, None
            self._zygote.reap(pid)
        if self._scratch is not None:
            self._scratch.cleanup()
        os.close(self._output)
        self.requests.close()
        self.replies.close()


__all__ = ["ConnectionEnded", "DeadlinePassed", "Session"]
