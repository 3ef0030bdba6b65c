"""A command in a process of its own, which a signal finds at a chosen place."""

import os
import signal
import subprocess
import sys

from deadline import DEADLINE

_HELD = """
import sys
import threading
import {module}
from {command} import main

def hold(*_, **__):
    print('here', flush=True)
    threading.Event().wait()

{module}.{function} = hold
sys.exit(main(sys.argv[1:]))
"""


def interrupt_in(place: tuple[str, str], number: signal.Signals, command: str,
                 arguments: list[str], **environment: str) -> tuple[int, str]:
    """
    Run a command until it calls a function, send it a signal there, and wait for its end.

    :param place: the function's module, and its name in that.
    :param command: the module whose `main` it is.
    :return: its exit code, and what it wrote to stderr.
    """
    module, function = place
    child = subprocess.Popen(
        [sys.executable, '-c', _HELD.format(module=module, function=function, command=command),
         *arguments],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **environment})
    try:
        assert child.stdout.readline() == 'here\n'
        child.send_signal(number)
        _, err = child.communicate(timeout=DEADLINE)
    finally:
        child.kill()
    return child.returncode, err
