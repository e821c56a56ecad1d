"""The checker's handle on the forking process (`zygote_main`)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any

from conform.errors import ConformError
from conform.work.limits import ending_in_words, poisoning_environment
from conform.work.zygote_main import kill_group

_BOOTSTRAP = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from conform.work.zygote_main import main; main(int(sys.argv[2]))"
)
_START_TIMEOUT = 120.0


class Zygote:
    """Starts workers quickly: torch is imported once, each worker is a fork of that process.

    May be shared by many WorkerClients, also from several threads. Raises ConformError
    (`worker-start`) when the process does not come up.
    """

    def __init__(self, *, threads: int = 1) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in the terminal reaches the checker alone.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOTSTRAP, json.dumps(_path()), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=poisoning_environment(threads),
                start_new_session=True,
            )
        self._ready = False

    def fork(self, descriptors: list[int]) -> int:
        """Start a worker on (connection, output, request arena, reply arena); returns its pid."""
        with self._lock:
            self._await_ready()
            payload = json.dumps({"op": "fork"}).encode()
            socket.send_fds(self._control, [payload], descriptors)
            return int(self._answer()["pid"])

    def reap(self, pid: int) -> str:
        """Kill a worker (if it still lives) and whatever it started; how it ended, in words."""
        with self._lock:
            kill_group(pid)
            return self._wait(pid)

    def ending(self, pid: int) -> str:
        """Wait for a worker that ended by itself; how it ended, in words."""
        with self._lock:
            return self._wait(pid)

    def _wait(self, pid: int) -> str:
        self._control.sendall(json.dumps({"op": "wait", "pid": pid}).encode())
        return ending_in_words(int(self._answer()["status"]))

    def _answer(self) -> dict[str, Any]:
        answer = self._control.recv(4096)
        if not answer:
            raise self._failure()
        record = json.loads(answer)
        if not isinstance(record, dict):
            raise self._failure()
        return record

    def _await_ready(self) -> None:
        if self._ready:
            return
        self._control.settimeout(_START_TIMEOUT)
        try:
            greeting = self._control.recv(5)
        except TimeoutError:
            greeting = b""
        self._control.settimeout(None)
        if greeting != b"ready":
            raise self._failure()
        self._ready = True

    def _failure(self) -> ConformError:
        self._process.kill()
        _, errors = self._process.communicate()
        return ConformError(
            "worker-start",
            f"the worker process did not start: {errors.decode(errors='replace')[-2000:]}",
            hint=f"try: {sys.executable} -c 'import torch, conform'",
        )

    def close(self) -> None:
        """End the process and every worker that it started."""
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _path() -> list[str]:
    """The checker's import path, made absolute; the target's own folder is added by its worker."""
    return [os.path.abspath(entry) for entry in sys.path if entry]
