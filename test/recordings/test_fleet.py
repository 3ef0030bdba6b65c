"""Recordings on a Ray cluster of this machine: what one process makes of them, to the byte."""

from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
from recording_scenes import truncated
from recording_scenes import write_scenes

from aim_ros.media.bag_messages import header
from aim_ros.media.bag_writer import BagWriter
from aim_ros.media.bag_writer import PARTIAL
from aim_ros.recordings.process_bag import main

pytest.importorskip('ray', reason='ray is not installed: pip install -r requirements-fleet.txt')

DEADLINE = 280
LONG = 400


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes()
            for file in folder.rglob('*') if file.is_file()}


def worker_of(file: Path) -> int | None:
    """Return the process of a Ray worker that has a file open."""
    for process in Path('/proc').iterdir():
        if not process.name.isdecimal():
            continue
        try:
            opened = {os.readlink(link) for link in (process / 'fd').iterdir()}
            command = (process / 'cmdline').read_bytes()
        except OSError:  # of another user, or over
            continue
        if str(file) in opened and b'ray::' in command:
            return int(process.name)
    return None


def kill_worker(partial: Path, run: subprocess.Popen) -> int:
    """Kill the worker that writes a file, once a part of it is written."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and run.poll() is None:
        if partial.is_file() and partial.stat().st_size > 1 << 20:
            worker = worker_of(partial)
            if worker is not None:
                os.kill(worker, signal.SIGKILL)
                return worker
    pytest.fail('no worker was seen at work on the recording')


@pytest.mark.skipif(not Path('/proc/self/fd').is_dir(), reason='needs /proc')
@pytest.mark.timeout(600)
def test_nothing_is_lost_and_the_rest_is_as_without_ray(tmp_path, network):
    bags = tmp_path / 'bags'
    for index in range(5):
        write_scenes(bags / f'drive_{index}', 6)
    write_scenes(bags / 'long', LONG)
    truncated(write_scenes(bags / 'truncated', 120))
    with BagWriter(bags / 'without_images') as bag:
        bag.write('/elsewhere/header', 5, header(5, ''))
    options = [str(bags), '--profile', 'city', *network]
    log = tmp_path / 'log'
    with log.open('w') as file:
        run = subprocess.Popen(
            [sys.executable, '-m', 'aim_ros.recordings.process_bag', *options, '--out',
             str(tmp_path / 'fleet'), '--ray', '--workers', '2'], stdout=file, stderr=file)
    try:
        with ThreadPoolExecutor() as pool:
            alone = pool.submit(
                main, [*options, '--out', str(tmp_path / 'alone'), '--table'])
            kill_worker(tmp_path / 'fleet' / PARTIAL / 'long' / 'long.mcap', run)
            assert run.wait(DEADLINE) == alone.result() == 2, log.read_text()
    finally:
        run.kill()
        run.wait()
    text = log.read_text()
    assert 'process_bag: without_images: rosbag' in text
    assert 'has no images to process' in text
    assert 'Traceback' not in text
    fleet, expected = contents(tmp_path / 'fleet'), contents(tmp_path / 'alone')
    assert sorted(fleet) == sorted(expected)
    assert {name for name in fleet if fleet[name] != expected[name]} == set()
    drives = {path.name for path in (tmp_path / 'fleet').iterdir()}
    assert drives == {*(f'drive_{index}' for index in range(5)), 'long', 'truncated', 'alerts'}


def test_a_wrong_profile_or_model_is_named_before_a_cluster_is_started(tmp_path, network, capsys):
    bag = write_scenes(tmp_path / 'drive', 2)
    assert main([str(bag), '--out', str(tmp_path / 'out'), *network, '--ray', '--profile',
                 'sport']) == 1
    assert main([str(bag), '--out', str(tmp_path / 'out'), '--ray', '--model', 'nowhere/at']) == 1
    text = capsys.readouterr().err
    assert "unknown driver profile 'sport'" in text
    assert 'nowhere/at' in text
    assert 'Traceback' not in text
