"""Recordings on a Ray cluster of this machine: what one process makes of them, to the byte."""

from contextlib import contextmanager
import os
from pathlib import Path
import subprocess
import sys
from types import SimpleNamespace

from deadline import DEADLINE
import pytest
from recording_scenes import truncated
from recording_scenes import write_scenes

from aim_ros.media.bag_messages import header
from aim_ros.media.bag_writer import BagWriter
from aim_ros.recordings.options import Options
from aim_ros.recordings.process_bag import main

pytest.importorskip('ray', reason='ray is not installed: pip install -r requirements-fleet.txt')

ROOT = Path(__file__).resolve().parents[2]
LONG = 20
# Python's own hook: each worker of Ray looks at what it writes, and the first that is in the midst
# of the recording "long" is killed there.
KILLER = """
import os
import signal
import sys

def write(bag, *arguments, **options):
    global left
    left -= bag.path.name == 'long'
    if not left:
        try:
            os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass  # so much for the first
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return write_message(bag, *arguments, **options)

if any('default_worker' in argument for argument in sys.orig_argv):
    from aim_ros.media.bag_writer import BagWriter
    left, write_message, BagWriter.write = LONG, BagWriter.write, write
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes()
            for file in folder.rglob('*') if file.is_file()}


@pytest.mark.timeout(3 * DEADLINE)
def test_nothing_is_lost_and_the_rest_is_as_without_ray(tmp_path, network):
    bags = tmp_path / 'bags'
    for index in range(5):
        write_scenes(bags / f'drive_{index}', 6)
    write_scenes(bags / 'long', LONG)
    truncated(write_scenes(bags / 'truncated', 120))
    with BagWriter(bags / 'without_images') as bag:
        bag.write('/elsewhere/header', 5, header(5, ''))
    options = [str(bags), '--profile', 'city', *network]
    marker = tmp_path / 'a_worker_was_killed'
    hook = tmp_path / 'hook'
    hook.mkdir()
    (hook / 'sitecustomize.py').write_text(
        KILLER.format(marker=str(marker)).replace('LONG', str(LONG)))
    run = subprocess.run(
        [sys.executable, '-m', 'aim_ros.recordings.process_bag', *options, '--out',
         str(tmp_path / 'fleet'), '--ray', '--workers', '2'],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join((str(hook), str(ROOT))),
             # Ray kills workers where a machine's other work leaves little memory.
             'RAY_memory_monitor_refresh_ms': '0'},
        check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=2 * DEADLINE)
    text = run.stdout
    assert marker.exists(), text
    assert run.returncode == 2, text
    assert main([*options, '--out', str(tmp_path / 'alone'), '--table']) == 2
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


def test_workers_in_another_folder_find_what_was_named_in_this_one(tmp_path, monkeypatch):
    from aim_ros.recordings import fleet
    sent = []

    def gather(submit, drives, board):
        for drive in drives:
            submit(drive)
        return [], {}

    @contextmanager
    def cluster(address, workers):
        yield 2

    monkeypatch.chdir(tmp_path)
    (tmp_path / 'net').mkdir()
    for name, value in {
            'validate': lambda options: None, '_cluster': cluster, '_gpus': lambda options: 0,
            '_Board': SimpleNamespace(remote=lambda: None), '_gather': gather,
            '_process': SimpleNamespace(options=lambda **_: SimpleNamespace(
                remote=lambda *arguments: sent.append(arguments)))}.items():
        monkeypatch.setattr(fleet, name, value)
    for model, found in (('net', str(tmp_path / 'net')), ('segformer-b0-street', None),
                         ('owner/name', None)):
        fleet.process_on_ray(
            {'drive': Path('drive')}, Path('out'), Options(model=model, profiles_file='mine.yaml'))
        bag, out, _, options, _ = sent.pop()
        assert (bag, out) == (tmp_path / 'drive', tmp_path / 'out')
        assert options.profiles_file == str(tmp_path / 'mine.yaml')
        assert options.model == (found or model)
    assert Options().absolute() == Options()
