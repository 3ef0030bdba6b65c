"""What killed processes leave in shared memory is freed, and nothing that somebody uses."""

import mmap
from pathlib import Path
import subprocess
import sys

import pytest
import shared_memory

# Prints once it holds the lock, and then waits for its end.
HOLDER = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()
"""


def segment(folder: Path, number: int) -> str:
    name = f'fastrtps_{number:016x}'
    (folder / name).write_bytes(bytes(mmap.PAGESIZE))
    (folder / f'{name}_el').touch()
    return name


@pytest.fixture
def hold():
    """Return a function that starts a process which locks a file until it is ended."""
    holders = []

    def hold(path: Path) -> subprocess.Popen:
        holder = subprocess.Popen([sys.executable, '-c', HOLDER, str(path)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holders.append(holder)
        holder.stdout.readline()
        return holder
    yield hold
    for holder in holders:
        holder.kill()
        holder.communicate()


def test_what_has_come_and_is_nobodys_goes_with_all_its_files(tmp_path):
    before = segment(tmp_path, 1)
    others = {'somebody_elses', 'fastrtps_port7413', 'fastrtps_port7413_el',
              'sem.fastrtps_port7413_mutex'}
    for name in others:
        (tmp_path / name).touch()
    names = {segment(tmp_path, 2)}
    # An owner that was killed before it had a lock.
    (tmp_path / 'fastdds_00000000000000ab').touch()
    names.add('fastdds_00000000000000ab')
    assert set(shared_memory.remove_left([before], tmp_path)) == names
    assert {path.name for path in tmp_path.iterdir()} == others | {before, f'{before}_el'}


def test_what_a_living_process_holds_stays_until_its_end(tmp_path, hold):
    name = segment(tmp_path, 3)
    holder = hold(tmp_path / f'{name}_el')
    assert shared_memory.remove_left([], tmp_path) == []
    holder.kill()
    holder.wait()
    assert shared_memory.remove_left([], tmp_path) == [name]


def test_a_lock_of_a_process_that_cannot_be_seen_counts_too(tmp_path, hold, monkeypatch):
    name = segment(tmp_path, 4)
    hold(tmp_path / f'{name}_el')
    monkeypatch.setattr(shared_memory, '_used_files', lambda folder: ())
    assert shared_memory.remove_left([], tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 2


def test_what_somebody_only_looks_into_stays(tmp_path):
    name = segment(tmp_path, 5)
    with (tmp_path / name).open('r+b') as file:
        looked_into = mmap.mmap(file.fileno(), 0)
    with looked_into:
        assert shared_memory.remove_left([], tmp_path) == []
    assert shared_memory.remove_left([], tmp_path) == [name]


def test_a_system_without_such_a_folder_has_nothing_left(tmp_path):
    assert shared_memory.remove_left([], tmp_path / 'nowhere') == []
