import os
import sys

import pytest

from aim_ros import resources
from aim_ros.resources import share_directory


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Pretend that the package lies in a site-packages folder, and nothing is found elsewhere."""
    module = tmp_path / 'site-packages' / 'aim_ros' / 'resources.py'
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(resources, '__file__', str(module))
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / 'python'))
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    return tmp_path


def complete(folder):
    (folder / 'config').mkdir(parents=True)
    (folder / 'package.xml').touch()
    return folder


def installed_below(prefix):
    """Install what setup.py does: the share directory, and the package's place in the index."""
    index = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'aim_ros').touch()
    return complete(prefix / 'share' / 'aim_ros')


def test_a_source_tree_is_its_own_share_directory(monkeypatch):
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    share = share_directory()
    assert (share / 'aim_ros' / 'resources.py').samefile(resources.__file__)
    for name in ('package.xml', 'config/profiles.yaml', 'models/segformer-b0-street/config.json'):
        assert (share / name).is_file()


def test_a_source_tree_behind_a_symbolic_link(installed, monkeypatch):
    tree = complete(installed / 'tree')
    (tree / 'aim_ros').mkdir()
    (tree / 'aim_ros' / 'resources.py').touch()
    link = installed / 'site-packages' / 'linked'
    link.symlink_to(tree / 'aim_ros')
    monkeypatch.setattr(resources, '__file__', str(link / 'resources.py'))
    assert share_directory() == tree


def test_the_first_prefix_that_is_complete_wins(installed, monkeypatch):
    pytest.importorskip('ament_index_python', reason='ROS 2 is not installed')
    (installed / 'broken' / 'share' / 'aim_ros').mkdir(parents=True)
    first = installed_below(installed / 'first')
    installed_below(installed / 'second')
    complete(installed / 'python' / 'share' / 'aim_ros')
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join(
        ['', *(str(installed / name) for name in ('broken', 'first', 'second'))]))
    assert share_directory() == first


@pytest.mark.parametrize('prefixes', [None, '', 'elsewhere'])
def test_the_running_python_comes_last(installed, monkeypatch, prefixes):
    share = complete(installed / 'python' / 'share' / 'aim_ros')
    if prefixes is not None:
        monkeypatch.setenv('AMENT_PREFIX_PATH', prefixes)
    assert share_directory() == share


def test_without_ros_the_running_python_does(installed, monkeypatch):
    share = complete(installed / 'python' / 'share' / 'aim_ros')
    installed_below(installed / 'first')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(installed / 'first'))
    monkeypatch.setitem(sys.modules, 'ament_index_python', None)
    monkeypatch.setitem(sys.modules, 'ament_index_python.packages', None)
    assert share_directory() == share


def test_the_working_directory_does_not_count(installed, monkeypatch):
    complete(installed / 'here' / 'share' / 'aim_ros')
    monkeypatch.chdir(installed / 'here')
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep)
    with pytest.raises(FileNotFoundError):
        share_directory()


def test_an_incomplete_installation_says_where_it_looked_and_what_to_do(installed, monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(installed / 'overlay'))
    with pytest.raises(FileNotFoundError) as error:
        share_directory()
    message = str(error.value)
    for place in ('site-packages', 'overlay', 'python/share/aim_ros'):
        assert str(installed / place) in message
    assert 'build the package with colcon' in message
