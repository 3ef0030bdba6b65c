"""One of the package's executables as a process."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

from deadline import DEADLINE
from pauses import pause
import pytest
from ros_domain import claims

ROOT = Path(__file__).resolve().parents[2]

# What a process that was killed leaves in shared memory, Fast DDS tells the next one of.
LEFT_BEHIND = 'RTPS_TRANSPORT_SHM'


class Process:
    """One of the package's executables as a process, whose output is read as it comes."""

    def __init__(self, executable: str, *arguments: str, program: str = ''):
        start = ['-c', program] if program else ['-m', 'aim_ros.nodes', executable]
        self._child = subprocess.Popen(
            [sys.executable, *start, '--ros-args', *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=claims(),
            env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONFAULTHANDLER': '1'})
        self._changed = threading.Condition()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._child.stdout:
            if LEFT_BEHIND in line:
                continue
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for_line(self, part: str) -> None:
        """Wait until a line of the output contains `part`."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(part in line for line in self.lines), DEADLINE), self.lines
        pause()

    def wait_for_library(self, name: str) -> None:
        """Wait until a shared library is loaded, i.e. until the process is importing it."""
        maps = Path(f'/proc/{self._child.pid}/maps')
        deadline = time.monotonic() + DEADLINE
        waiting = threading.Event()
        while name not in maps.read_text():
            assert self._child.poll() is None, self.lines
            assert time.monotonic() < deadline, f'{name} was never loaded'
            waiting.wait(0.002)
        pause()

    @property
    def pid(self) -> int:
        return self._child.pid

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; return the exit code. One that does not end says where it is."""
        try:
            code = self._child.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGABRT)
            self._reader.join(DEADLINE)
            pytest.fail('the process does not end:\n' + '\n'.join(self.lines))
        self._reader.join(DEADLINE)
        return code

    def kill(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
