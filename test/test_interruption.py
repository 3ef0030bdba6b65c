"""A command that signals end: in processes of their own, which import nothing slow."""

import os
from pathlib import Path
import signal
import subprocess
import sys

from deadline import DEADLINE
import pytest

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = """
import os
import signal
import sys
import threading
from aim_ros.interruption import interruptible

def work():
    try:
        {body}
    finally:
        {cleanup}
        print('cleared away', flush=True)
    return 0

code = interruptible('command', work, 'nothing is lost')
os.kill(os.getpid(), {late})
sys.exit(code)
"""
WAIT = "print('working', flush=True); threading.Event().wait()"


def start(body=WAIT, cleanup='pass', late='0', prepare=None) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, '-c', PROGRAM.format(body=body, cleanup=cleanup, late=late)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=prepare,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})


def ended(child: subprocess.Popen) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=DEADLINE)
    finally:
        child.kill()
    return child.returncode, out, err


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_a_sentence_with_the_customary_code(number):
    child = start(late=int(signal.SIGINT))
    assert child.stdout.readline() == 'working\n'
    child.send_signal(number)
    assert ended(child) == (
        128 + number, 'cleared away\n', 'command: interrupted; nothing is lost\n')


def test_what_a_signal_interrupts_is_cleared_away_though_another_follows():
    code, out, err = ended(start(
        body='os.kill(os.getpid(), signal.SIGTERM)',
        cleanup='os.kill(os.getpid(), signal.SIGINT)'))
    assert (code, out) == (143, 'cleared away\n')
    assert 'Traceback' not in err


MADE_ANOTHER = """
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ImportError('initialization failed') from error
"""


def test_what_a_library_makes_of_a_signal_is_no_error_of_its_own():
    code, _, err = ended(start(body=MADE_ANOTHER.strip()))
    assert code == 130
    assert 'Traceback' not in err


def test_a_signal_that_is_ignored_stays_so():
    child = start(prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert child.stdout.readline() == 'working\n'
    child.send_signal(signal.SIGHUP)
    child.send_signal(signal.SIGTERM)
    assert ended(child)[0] == 143


def test_without_a_signal_errors_and_codes_pass():
    assert ended(start(body='pass'))[0] == 0
    code, _, err = ended(start(body="raise ValueError('wrong')"))
    assert code == 1
    assert 'ValueError: wrong' in err
