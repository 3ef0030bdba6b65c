"""What the tests of recordings share: a network, and how its results are read."""

from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

from checkpoints import checkpoint_maker
import pytest
from recording_scenes import loud

from aim_ros.media.bag_types import deserialize
from aim_ros.media.recording import Recording


@pytest.fixture(scope='session')
def model(tmp_path_factory) -> str:
    """A network that runs in milliseconds, and sees road users in blocks of colour."""
    return str(loud(checkpoint_maker(tmp_path_factory.mktemp('models'))()))


@pytest.fixture
def network(model) -> list[str]:
    """The options of a command that choose that network."""
    return ['--model', model, '--engine', 'torch', '--device', 'cpu', '--threads', '1']


@pytest.fixture
def read():
    """Return a function that reads a recording: (time, message) pairs by topic."""
    def read(bag: Path) -> dict[str, list]:
        found = defaultdict(list)
        with Recording(bag) as recording:
            for message in recording.timeline(set(recording.topics)):
                found[message.connection.topic].append(SimpleNamespace(
                    time_ns=message.recorded_ns, data=message.data,
                    message=deserialize(message.data, message.msgtype, 'test')))
        return dict(found)
    return read
