"""Profiles that are saved can be started with, and nothing else in the file changes."""

import os
from pathlib import Path

import odd_values
import pytest
import yaml

from aim_ros.hazards.emphasis_filter import MEASURES
from aim_ros.nodes.segmentation.table import TABLE
from aim_ros.nodes.tuner.saved_profile import how_to_start
from aim_ros.nodes.tuner.saved_profile import left_out
from aim_ros.nodes.tuner.saved_profile import profile_body
from aim_ros.nodes.tuner.saved_profile import save_profile
from aim_ros.nodes.tuner.saved_profile import SaveError
from aim_ros.nodes.tuner.saved_profile import shipped_file
from aim_ros.nodes.tuner.saved_profile import users_file
from aim_ros.perception.profiles import load_profiles

DEFAULTS = {row.name: row.default for row in TABLE}
TUNED = {**DEFAULTS, 'focus.classes': ('people', 'car'), 'focus.sigma': 1.5,
         'focus.sampling': 'gated', 'focus.max_changed': 0.05, 'alerts.near_m': 40.0,
         'alerts.min_area': 50}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / 'made' / 'profiles.yaml'


def test_what_is_saved_says_what_was_set(path):
    save_profile(path, 'mine', TUNED, 'For the bridge.')
    profile = load_profiles(path).get('mine')
    assert profile.description == 'For the bridge.'
    for name, value in profile.stated.items():
        assert value == TUNED[name], name
    assert set(profile.alerts) == {'near_m', 'min_area'}


def test_the_first_time_the_other_profiles_come_along_with_their_comments(path):
    save_profile(path, 'mine', TUNED)
    shipped, saved = load_profiles(shipped_file()), load_profiles(path)
    assert saved.names == (*shipped.names, 'mine')
    assert all(saved.get(name) == shipped.get(name) for name in shipped.names)
    before = shipped_file().read_text().splitlines()
    assert [line for line in path.read_text().splitlines() if '#' in line] == [
        line for line in before if '#' in line]


def test_a_profile_of_that_name_is_replaced_in_its_place(path):
    save_profile(path, 'city', TUNED)
    save_profile(path, 'mine', TUNED)
    save_profile(path, 'mine', {**TUNED, 'focus.sigma': 2.0})
    saved = load_profiles(path)
    assert saved.names == (*load_profiles(shipped_file()).names, 'mine')
    assert saved.get('mine').sigma == 2.0
    assert saved.get('city').sigma == 1.5


def test_what_stands_beside_the_profiles_stays(path):
    path.parent.mkdir()
    path.write_text('profiles:\n  a: {focus: {sigma: 1.0}}\n'
                    f'emphasis_filter: {{weights: {[0.5] * len(MEASURES)}, bias: 0.0, '
                    'threshold: 0.5, model: x}\n')
    before = yaml.safe_load(path.read_text())
    save_profile(path, 'b', DEFAULTS)
    after = yaml.safe_load(path.read_text())
    assert after['emphasis_filter'] == before['emphasis_filter']
    assert after['profiles'] == {**before['profiles'], 'b': {}}


def test_the_defaults_need_no_words():
    assert profile_body(DEFAULTS) == {}


def test_what_no_profile_may_state_is_named():
    assert left_out(TUNED) == ()
    assert left_out({**TUNED, 'alerts.corridor.top_row': 0.5, 'alerts.stale_after': 0.5}) == (
        'alerts.stale_after', 'alerts.corridor.top_row')


@pytest.mark.parametrize('name', ['', 'custom', 'two words', '1st', 'a:b', '../x'])
def test_a_name_that_cannot_be_one_is_refused(path, name):
    with pytest.raises(SaveError, match='named by letters'):
        save_profile(path, name, TUNED)
    assert not path.exists()


@pytest.mark.parametrize('text', [
    'profiles: [', 'profiles: 3\n', '- a\n', '', *odd_values.YAML.values(),
    *(f'profiles: {{odd: {{focus: {{sigma: {value}}}}}}}' for value in odd_values.YAML.values())])
def test_a_file_that_is_none_of_profiles_is_left_alone(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(SaveError, match=str(path)):
        save_profile(path, 'mine', TUNED)
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_pipe_is_not_replaced(path):
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(SaveError, match='it is a pipe, a device or a socket'):
        save_profile(path, 'mine', TUNED)
    assert path.is_fifo()


def test_the_file_that_ships_is_not_written_to():
    before = shipped_file().read_text()
    with pytest.raises(SaveError, match='a file of your own'):
        save_profile(shipped_file(), 'mine', TUNED)
    assert shipped_file().read_text() == before


def test_where_a_user_keeps_profiles():
    assert users_file({'XDG_CONFIG_HOME': '/x'}) == Path('/x/aim_ros/profiles.yaml')
    assert users_file({}) == Path.home() / '.config' / 'aim_ros' / 'profiles.yaml'


def test_how_to_start_quotes_the_path():
    node, live = how_to_start(Path('/a b/p.yaml'), 'mine')
    assert "profiles_file:='/a b/p.yaml' driver_profile:=mine" in node
    assert "--profiles-file '/a b/p.yaml' --driver-profile mine" in live
