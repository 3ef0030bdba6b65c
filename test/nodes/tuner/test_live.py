"""`make live`: the tuner with nodes of its own, as a newcomer starts it."""

from contextlib import suppress
import re
import signal
import socket
import struct
import threading
import time
from urllib.request import urlopen

import cv2
from deadline import DEADLINE
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from aim_ros.nodes.tuner.cli import parse

pytest.importorskip('nicegui', reason='nicegui is not installed: requirements-live.txt')

TUNER = 'import sys; from aim_ros.nodes.tuner.cli import main; sys.exit(main({}))'

# A tuner that does not end in time, with a stand-in for the nodes that it has started.
HANGING = """
from contextlib import contextmanager
import sys
import threading
from aim_ros.nodes.tuner import cli

@contextmanager
def playing(played):
    try:
        yield None
    finally:
        print('the nodes have ended', flush=True)

def hang(options, nodes, stop, problems):
    problems += {problems}
    print('it hangs', flush=True)
    threading.Event().wait()

cli.playing, cli._work, cli._END_TIMEOUT = playing, hang, 0.1
sys.exit(cli.main(['--play', 'street']))
"""

# A tuner whose page fails in a way that nobody foresaw, and which does not end then.
FAILING = """
import sys
import threading
from aim_ros.nodes.tuner import cli
from aim_ros.nodes.tuner import server
from aim_ros.nodes.tuner.tuner_node import TunerNode

def fail(*_):
    raise OSError('the disk is full')

def hang(self):
    print('it hangs', flush=True)
    threading.Event().wait()

server.serve, TunerNode.end, cli._END_TIMEOUT = fail, hang, 0.1
sys.exit(cli.main(['--port', '0']))
"""

# A tuner whose web server breaks down as soon as it serves.
BREAKING_DOWN = """
import sys
from aim_ros.nodes.tuner.cli import main
import uvicorn

async def break_down(server):
    raise RuntimeError('the loop broke')

uvicorn.Server.main_loop = break_down
sys.exit(main(['--port', '0']))
"""


@pytest.fixture
def live(start_process, tmp_path, tiny_model):
    """Return a function that starts the tuner on a source."""
    return lambda source: start_process('tuner', program=TUNER.format(
        ['--play', str(source), '--port', '0', '--logs', str(tmp_path / 'logs'),
         '--model', tiny_model, '--device', 'cpu']))


def first_pictures(address: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the first image that comes with its overlay, as a viewer gets them."""
    deadline, waiting = time.monotonic() + DEADLINE, threading.Event()
    while time.monotonic() < deadline:
        # The camera is not known before the node has said what its parameters are.
        with suppress(ConnectionClosed), connect(address, open_timeout=DEADLINE) as viewer:
            while time.monotonic() < deadline:
                viewer.send('next')
                message = viewer.recv(DEADLINE)
                length, = struct.unpack('>I', message[:4])
                parts = message[4:4 + length], message[4 + length:]
                if all(parts):
                    return tuple(cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_COLOR)
                                 for part in parts)
        waiting.wait(0.2)
    pytest.fail(f'no pictures within {DEADLINE:g} s')


def test_a_drive_is_played_and_shown_until_it_is_interrupted(live, tmp_path):
    folder = tmp_path / 'drive'
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f'{index}.png'), np.full((48, 64, 3), 60 * index, np.uint8))
    process = live(folder)
    process.wait_for_line('aim_ros tuner: http')
    line = next(line for line in process.lines if 'aim_ros tuner: http' in line)
    address = re.search(r'127\.0\.0\.1:\d+', line)[0]
    with urlopen(f'http://{address}', timeout=DEADLINE) as page:
        assert page.status == 200
    camera, overlay = first_pictures(f'ws://{address}/pictures/camera')
    assert camera.shape == overlay.shape == (48, 64, 3)
    process.signal(signal.SIGINT)
    assert process.wait() == 0, process.lines


def test_a_source_that_is_none_ends_it_and_is_named(live):
    process = live('/nowhere')
    assert process.wait() == 1
    assert "source '/nowhere' does not exist" in process.lines[-1]
    assert 'replay.log' in process.lines[-1]


def test_a_tuner_that_cannot_end_in_time_leaves_no_node_behind(start_process):
    process = start_process('tuner', program=HANGING.format(problems=[]))
    process.wait_for_line('it hangs')
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert process.lines[-1] == 'the nodes have ended'


def test_a_tuner_that_failed_and_cannot_end_in_time_says_why(start_process):
    process = start_process('tuner', program=HANGING.format(problems=['the node has ended']))
    process.wait_for_line('it hangs')
    process.signal(signal.SIGINT)
    assert process.wait() == 1
    assert process.lines[-2:] == ['the nodes have ended', 'the node has ended']


def test_a_tuner_whose_page_fails_otherwise_and_cannot_end_says_why(start_process):
    process = start_process('tuner', program=FAILING)
    process.wait_for_line('it hangs')
    process.signal(signal.SIGINT)
    assert process.wait() == 1
    assert process.lines[-1] == 'the page has failed: OSError: the disk is full'


def test_the_options():
    options = parse(['--node', 'car_1/segmentation', '--ros-args', '-p', 'use_sim_time:=true'])
    assert options.node == '/car_1/segmentation'
    assert options.replay == '/car_1/replay'
    assert options.host == '127.0.0.1'
    assert options.played is None
    assert options.ros == ('--ros-args', '-p', 'use_sim_time:=true')
    assert parse([]).replay == '/replay'
    played = parse(['--play', 'street', '--driver-profile', 'city']).played
    assert 'driver_profile:=city' in played.segmentation_arguments()
    assert 'source:=street' in played.replay_arguments()
    assert 'loop:=true' in played.replay_arguments()


def test_a_name_that_cannot_be_a_nodes_is_refused_in_a_sentence(start_process):
    process = start_process('tuner', program=TUNER.format(['--node', 'two words', '--port', '0']))
    assert process.wait() == 1
    assert 'the tuner cannot start' in process.lines[-1]
    assert 'Traceback' not in ''.join(process.lines)


def test_an_address_that_is_taken_is_named(start_process):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        process = start_process('tuner', program=TUNER.format(['--port', str(port)]))
        assert process.wait() == 1
        assert f'cannot be served at 127.0.0.1:{port}' in process.lines[-1]


def test_a_page_that_is_no_longer_served_ends_the_command_and_says_why(start_process):
    process = start_process('tuner', program=BREAKING_DOWN)
    assert process.wait() == 1
    assert 'has ended by itself: RuntimeError: the loop broke' in process.lines[-1]
