"""What Fast DDS itself holds and leaves in shared memory is told apart."""

from pathlib import Path
import re
import signal

import pytest
import rclpy
import shared_memory

NODE = """
import signal
import rclpy
rclpy.init()
node = rclpy.create_node('doomed')
print('it is there', flush=True)
signal.pause()
"""

pytestmark = pytest.mark.skipif(
    not shared_memory.FOLDER.is_dir()
    or 'fastrtps' not in rclpy.get_rmw_implementation_identifier(),
    reason='it takes Fast DDS, and a /dev/shm')


def segments_in(maps: str) -> set[str]:
    return set(re.findall(r' /dev/shm/(fast(?:rtps|dds)_[0-9a-f]{16})$', maps, re.MULTILINE))


def test_a_nodes_memory_stays_while_it_lives_and_goes_when_it_was_killed(start_process):
    before = shared_memory.segments()
    process = start_process('doomed', program=NODE)
    process.wait_for_line('it is there')
    maps = Path(f'/proc/{process.pid}/maps').read_text()
    own = segments_in(maps) - before.keys()
    assert own
    assert not own.intersection(shared_memory.remove_left(before))
    assert own <= shared_memory.segments().keys()
    process.signal(signal.SIGKILL)
    process.wait()
    shared_memory.remove_left(before)
    assert not own.intersection(shared_memory.segments())
