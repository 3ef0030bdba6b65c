"""A process that signals end in order, without ROS: many times, as quickly as they can come."""

import os
from pathlib import Path
import subprocess
import sys

from deadline import DEADLINE
import pytest

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='signals are those of POSIX')

# Waits as the nodes do, in the main thread and in another; sends itself the signals, from a thread
# that the handlers do not run in, with nothing between them. Forked, since Python starts slowly.
BURST = """
import os
import signal
import sys
import threading
from aim_ros.nodes.process import ignore_signals
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.process import stop_on_signals

def burst(number):
    stop = stop_on_signals()

    def shower():
        for _ in range({count}):
            os.kill(os.getpid(), number)

    def work():
        threading.Thread(target=shower).start()
        stop.wait()
        print('the last word', flush=True)
        return 0

    code = run_until_stopped(work, stop)
    ignore_signals()
    os.kill(os.getpid(), number)
    sys.exit(code)

codes = set()
for i in range({times}):
    child = os.fork()
    if child == 0:
        burst((signal.SIGINT, signal.SIGTERM)[i % 2])
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.exit(codes != {{0}})
"""


def run(program: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                          timeout=DEADLINE, check=False)


@pytest.mark.parametrize('count', [2, 10])
def test_signals_however_quick_end_it_in_order_every_time(count):
    done = run(BURST.format(count=count, times=200))
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == 200 * 'the last word\n'


# The second signal comes while the first one's handler holds whatever it takes.
WITHIN = """
import signal
import sys
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.process import stop_on_signals

stop = stop_on_signals()
handler = signal.getsignal(signal.SIGINT)

def trace(frame, event, _):
    # Python may run a handler between any two bytecodes: here it does, at every line.
    global sent
    if sent < 50:
        sent += 1
        handler(signal.SIGINT, frame)
    return trace

sent = 0
sys.settrace(trace)
handler(signal.SIGINT, None)
stop.is_set()
stop.wait(1)
sys.settrace(None)
sys.exit(run_until_stopped(lambda: 1, stop))
"""


def test_a_signal_at_any_line_blocks_on_nothing():
    done = run(WITHIN)
    assert (done.returncode, done.stderr) == (0, '')


# The signal comes before, or within.
AT_ONCE = """
import os
import signal
import sys
import threading
from aim_ros.nodes.process import stop_on_signals

stop = stop_on_signals()
if {before}:
    os.kill(os.getpid(), signal.SIGTERM)
with stop.at_once():
    if not {before}:
        os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()
sys.exit(1)
"""


@pytest.mark.parametrize('before', [True, False])
def test_a_signal_ends_at_once_what_cannot_be_left_half_done(before):
    done = run(AT_ONCE.format(before=before))
    assert (done.returncode, done.stderr) == (0, '')


AFTERWARDS = """
import os
import signal
import sys
from aim_ros.nodes.process import stop_on_signals

stop = stop_on_signals()
with stop.at_once():
    pass
os.kill(os.getpid(), signal.SIGTERM)
stopped = stop.wait(60)
print('the last word')
sys.exit(0 if stopped else 1)
"""


def test_what_follows_ends_in_its_own_time():
    done = run(AFTERWARDS)
    assert (done.returncode, done.stdout, done.stderr) == (0, 'the last word\n', '')


STOPPED = """
import os
import signal
import sys
import time
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.process import StopSignal

def work():
    stop.set()
    time.sleep(0.2)  # by then, the end of this is waited for
    os.kill(os.getpid(), signal.SIGSTOP)
    print('the last word', flush=True)
    return 0

parent, stop = os.getpid(), StopSignal()
if os.fork() == 0:
    while os.getppid() == parent:
        if open(f'/proc/{parent}/stat').read().rpartition(')')[2].split()[0] == 'T':
            time.sleep(4)
            os.kill(parent, signal.SIGCONT)
        time.sleep(0.05)
    os._exit(0)
sys.exit(run_until_stopped(work, stop, 3.0))
"""


@pytest.mark.skipif(not Path('/proc/self/stat').is_file(), reason='needs /proc')
def test_the_time_in_which_it_is_stopped_is_not_taken_from_its_end():
    done = run(STOPPED)
    assert (done.returncode, done.stderr, done.stdout) == (0, '', 'the last word\n')


# Has failed, and hangs as it ends; by then a signal comes.
FAILED = """
import os
import signal
import sys
import threading
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.process import stop_on_signals

stop, failed = stop_on_signals(), threading.Event()

def work():
    if {fails}:
        failed.set()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()

sys.exit(run_until_stopped(
    work, stop, 0.1, lambda: print('left', flush=True), failed=failed.is_set))
"""


@pytest.mark.parametrize(('fails', 'code'), [(True, 1), (False, 0)])
def test_no_signal_makes_a_success_of_a_failure_that_cannot_end(fails, code):
    done = run(FAILED.format(fails=fails))
    assert (done.returncode, done.stderr, done.stdout) == (code, '', 'left\n')


TEARDOWN = """
import atexit
import os
import signal
import sys
from aim_ros.nodes.process import ignore_signals
from aim_ros.nodes.process import run_until_stopped
from aim_ros.nodes.process import stop_on_signals

class Late:
    # Kept by a module, it goes when Python has put its own handlers away.
    def __del__(self, kill=os.kill, pid=os.getpid()):
        kill(pid, 2)

sys.late = Late()
stop = stop_on_signals()
code = run_until_stopped(lambda: 0, stop)
ignore_signals()
sys.exit(code)
"""


def test_a_signal_while_python_goes_down_is_ignored():
    assert run(TEARDOWN).returncode == 0
