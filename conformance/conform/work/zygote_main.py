"""The process that imports torch once and forks a worker for each target.

It is started afresh (never forked from the checker), stays single-threaded and runs no target code
itself, so that forking it is safe. Commands come over one socket: fork (with descriptors) and wait.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
from collections.abc import Callable
from typing import NoReturn

from conform.work.limits import die_with_parent, forbid_core_dumps

FORK_DESCRIPTORS = 4  # connection, output, request arena, reply arena
_LARGEST_COMMAND = 4096


def main(descriptor: int) -> None:
    """Serve the commands that come over `descriptor` until its other end is closed."""
    import torch

    # One thread: a thread pool that was started here would not exist in a forked child.
    torch.set_num_threads(1)
    from conform.work import worker

    forbid_core_dumps()
    gc.collect()
    gc.freeze()
    Zygote(socket.socket(fileno=descriptor), worker.serve_descriptors).run()


class Zygote:
    """Forks workers and reports how they ended."""

    def __init__(self, control: socket.socket, serve: Callable[[int, int, int], None]) -> None:
        self._control = control
        self._serve = serve
        self._children: set[int] = set()

    def run(self) -> None:
        """Answer commands until the parent is gone, then take the workers along."""
        self._control.sendall(b"ready")
        while True:
            command, descriptors, _, _ = socket.recv_fds(
                self._control, _LARGEST_COMMAND, FORK_DESCRIPTORS
            )
            if not command:
                break
            request = json.loads(command)
            if request["op"] == "fork":
                answer = {"pid": self._fork(descriptors)}
            else:
                answer = {"status": self._wait(request["pid"])}
            self._control.sendall(json.dumps(answer).encode())
        for pid in self._children:
            kill_group(pid)

    def _fork(self, descriptors: list[int]) -> int:
        pid = os.fork()
        if pid == 0:
            self._become_worker(descriptors)
        self._children.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return pid

    def _become_worker(self, descriptors: list[int]) -> NoReturn:
        """Runs in the child: a process group and streams of its own, then the worker's loop."""
        code = 1
        try:
            os.setsid()
            die_with_parent()
            self._control.close()
            connection, output, requests, replies = descriptors
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(nothing)
            os.close(output)
            self._serve(connection, requests, replies)
            code = 0
        finally:
            os._exit(code)

    def _wait(self, pid: int) -> int:
        _, status = os.waitpid(pid, 0)
        self._children.discard(pid)
        return status


def kill_group(pid: int) -> None:
    """Kill a worker and whatever it started."""
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
