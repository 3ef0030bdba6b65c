"""The summary beside a result is read back, or there is none."""

import odd_values
import pytest

from aim_ros.recordings.summary import FILE
from aim_ros.recordings.summary import Summary


def test_what_was_written_is_read_back(tmp_path):
    summary = Summary('a', frames=3, road_users={'pedestrian ERROR': 1}, error_s=0.5)
    summary.write(tmp_path)
    assert Summary.read(tmp_path) == summary


@pytest.mark.parametrize('value', [*odd_values.JSON.values(), ''])
def test_what_no_program_should_go_on_with_is_none(tmp_path, value):
    for text in (value, f'{{"drive": "a", "frames": {value}}}'):
        (tmp_path / FILE).write_text(text)
        assert Summary.read(tmp_path) is None
    assert Summary.read(tmp_path / 'nowhere') is None
