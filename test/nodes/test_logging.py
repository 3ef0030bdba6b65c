import logging
from types import SimpleNamespace

import pytest
from rclpy.logging import get_logger

from aim_ros.nodes.logging import forward_python_logs
from aim_ros.nodes.logging import RateLimitedLogger


@pytest.fixture(autouse=True)
def handlers(monkeypatch):
    """Leave the package's logger as it was."""
    logger = logging.getLogger('aim_ros')
    monkeypatch.setattr(logger, 'handlers', [])
    monkeypatch.setattr(logger, 'level', logger.level)


def test_what_the_package_says_is_logged_at_any_level_in_any_order(capfd):
    forward_python_logs(get_logger('forwarded'))
    said = logging.getLogger('aim_ros.anything')
    for _ in range(2):
        said.info('it is ready')
        said.warning('it overlooks people')
        said.error('it fails')
        said.critical('it ends')
    lines = [line for line in capfd.readouterr().err.splitlines() if line]
    assert [line.partition(']')[0] for line in lines] == 2 * ['[INFO', '[WARN', '[ERROR', '[ERROR']
    assert [line.rpartition(']: ')[2] for line in lines] == 2 * [
        'it is ready', 'it overlooks people', 'it fails', 'it ends']


def test_kinds_that_never_come_again_are_not_remembered_for_ever():
    lines = []
    log = RateLimitedLogger(SimpleNamespace(warning=lines.append), period=1e9)
    for number in range(5000):
        for _ in range(2):
            log.warning(f'frame {number}', f'frame {number}')
    assert lines == [f'frame {number}' for number in range(5000)]
    assert log.remembered <= 1000


def test_a_name_that_is_not_utf_8_is_logged_all_the_same(capfd):
    forward_python_logs(get_logger('forwarded'))
    logging.getLogger('aim_ros.anything').warning('cannot read %s', '\udcff.png')
    log = RateLimitedLogger(get_logger('limited'))
    log.warning('loss', 'cannot read \udcff.png')
    log.error('loss of another', 'cannot read \udcff.png')
    said = capfd.readouterr().err
    assert said.count(r'cannot read \udcff.png') == 3
