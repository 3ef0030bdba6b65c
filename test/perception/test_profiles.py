import dataclasses
import math
import os
import textwrap

import odd_values
import pytest

from aim_ros.perception.profiles import ALERT_KEYS
from aim_ros.perception.profiles import CUSTOM
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import load_profiles
from aim_ros.perception.profiles import ProfileError
from aim_ros.perception.profiles import resolve_signs
from aim_ros.perception.ranges import RANGES
from aim_ros.resources import share_directory
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import UnknownClassError

SHIPPED = ('neutral', 'defensive', 'assertive', 'city', 'highway')

# Which roles each shipped profile turns up and down.
MEANING = {
    'neutral': ((), ()),
    'defensive': (('people', 'two_wheelers'), ()),
    'assertive': (('vehicles',), ()),
    'city': (('people', 'two_wheelers', 'signals'), ()),
    'highway': (('vehicles',), ('greenery',)),
}

CITYSCAPES_SIGNS = {
    'neutral': {},
    'defensive': {11: 1, 12: 1, 17: 1, 18: 1},
    'assertive': {13: 1, 14: 1, 15: 1, 16: 1},
    'city': {6: 1, 7: 1, 11: 1, 12: 1, 17: 1, 18: 1},
    'highway': {8: -1, 9: -1, 13: 1, 14: 1, 15: 1, 16: 1},
}

ADE20K_SIGNS = {
    'neutral': {},
    'defensive': {12: 1, 116: 1, 127: 1},
    'assertive': {20: 1, 80: 1, 83: 1, 102: 1},
    'city': {12: 1, 43: 1, 116: 1, 127: 1, 136: 1},
    'highway': {4: -1, 9: -1, 17: -1, 20: 1, 29: -1, 66: -1, 72: -1, 80: 1, 83: 1, 102: 1},
}


@pytest.fixture(scope='module')
def shipped():
    return load_profiles(share_directory() / 'config' / 'profiles.yaml')


@pytest.fixture
def load(tmp_path):
    """Load a profile file with this text."""
    def load(text):
        path = tmp_path / 'profiles.yaml'
        path.write_text(textwrap.dedent(text))
        return load_profiles(path)

    return load


@pytest.fixture
def mistake(load, tmp_path):
    """Return what is wrong with the profile `sport`, whose body is this text."""
    def mistake(body):
        text = 'profiles:\n  neutral:\n  sport:\n' + textwrap.indent(textwrap.dedent(body), '    ')
        file = load(text)
        assert file.get('neutral') == DriverProfile('neutral')
        with pytest.raises(ProfileError) as error:
            file.get('sport')
        message = str(error.value)
        assert message == file.mistakes['sport']
        assert message.startswith(f"{tmp_path / 'profiles.yaml'}: profile 'sport'")
        assert '\n' not in message
        return message

    return mistake


@pytest.fixture
def unreadable(load, tmp_path):
    """Return why a file with this text is no profile file at all."""
    def unreadable(text):
        with pytest.raises(ProfileError) as error:
            load(text)
        assert str(error.value).startswith(f"{tmp_path / 'profiles.yaml'}: ")
        assert '\n' not in str(error.value)
        return str(error.value)

    return unreadable


def test_all_five_ship_and_are_well_formed(shipped):
    assert shipped.names == SHIPPED
    assert not shipped.mistakes


@pytest.mark.parametrize('name', SHIPPED)
def test_shipped_profiles_turn_up_what_they_say(shipped, name):
    profile = shipped.get(name)
    up, down = MEANING[name]
    assert profile.focus_classes == up
    assert profile.suppress_classes == down
    assert profile.description.endswith('.')
    # Those for people grow what is found only: a road without any stays silent.
    assert profile.sampling == ('gated' if 'people' in up else 'expected')
    assert (profile.sigma > 0) == (name != 'neutral')


@pytest.mark.parametrize('name', SHIPPED)
def test_shipped_profiles_on_cityscapes(shipped, name):
    profile = shipped.get(name)
    assert profile.mistake(CITYSCAPES) is None
    assert dict(profile.signs(CITYSCAPES)) == CITYSCAPES_SIGNS[name]


@pytest.mark.parametrize('name', SHIPPED)
def test_shipped_profiles_on_ade20k(shipped, name, ade20k_names, ade20k_full_names):
    profile = shipped.get(name)
    for names in (ade20k_names, ade20k_full_names):
        assert profile.mistake(LabelSet(names)) is None
        assert dict(profile.signs(LabelSet(names))) == ADE20K_SIGNS[name]


@pytest.mark.parametrize('name', SHIPPED)
def test_no_shipped_profile_alerts_less_than_neutral(shipped, name):
    alerts = shipped.get(name).alerts
    # Each of these moves towards more, earlier and longer alerts; the defaults are neutral's.
    assert set(alerts) <= {'classes', 'near_m', 'near_row'}
    assert alerts.get('near_m', 20.0) >= 20.0
    assert alerts.get('near_row', 0.62) <= 0.62


def test_a_whole_profile(load):
    profile = load("""
        profiles:
          sport:
            description: "  All that one can say. "
            focus:
              classes: [people, traffic light]
              suppress_classes: [greenery]
              sigma: 2
              sampling: pixel
              max_changed: 0.05
            alerts:
              classes: [vehicles]
              min_area: 50
              raise_after: 0
              clear_after: 1.5
              near_m: 25
              near_row: 0.5
        """).get('sport')
    assert profile == DriverProfile(
        name='sport',
        description='All that one can say.',
        focus_classes=('people', 'traffic light'),
        suppress_classes=('greenery',),
        sigma=2.0,
        sampling='pixel',
        max_changed=0.05,
        alerts={'classes': ('vehicles',), 'min_area': 50, 'raise_after': 0.0,
                'clear_after': 1.5, 'near_m': 25.0, 'near_row': 0.5})
    assert set(profile.alerts) == set(ALERT_KEYS)
    assert isinstance(profile.alerts['min_area'], int)
    assert isinstance(profile.sigma, float)


@pytest.mark.parametrize('body', [
    '', '{}', '{description: }', '{focus: , alerts: }', '{focus: {}, alerts: {}}',
    '{focus: {classes: , suppress_classes: []}}'])
def test_what_is_left_out_is_neutral(load, body):
    assert load(f'profiles: {{calm: {body}}}').get('calm') == DriverProfile('calm')


def test_a_profile_cannot_be_changed(shipped):
    profile = shipped.get('defensive')
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.sigma = 9.0
    with pytest.raises(TypeError):
        profile.alerts['near_m'] = 0.0


def test_profiles_may_share_by_anchor_and_merge_key(load):
    file = load("""
        profiles:
          calm: &calm
            focus: &focus {classes: [people], sigma: 1.0}
          sport:
            <<: *calm
            focus: {<<: *focus, sigma: 3.0}
        """)
    assert not file.mistakes
    assert file.get('sport').focus_classes == ('people',)
    assert file.get('sport').sigma == 3.0
    assert file.get('calm').sigma == 1.0


@pytest.mark.parametrize(('body', 'sentence'), [
    ('focsu: {sigma: 1}', "unknown key 'focsu'; did you mean 'focus'?"),
    ('xyz: 1', "unknown key 'xyz'; allowed: description, focus, alerts"),
    ('7: 1', 'unknown key 7; allowed: description, focus, alerts'),
    ('focus: {class: [car]}', ", focus: unknown key 'class'; did you mean 'classes'?"),
    ('focus: {sigma: 1, sgima: 2}', ", focus: unknown key 'sgima'; did you mean 'sigma'?"),
    ('alerts: {near: 3}', ", alerts: unknown key 'near'; did you mean 'near_"),
    ('alerts: {required_classes: [car]}', ", alerts: unknown key 'required_classes'"),
    ('- focus', "expected a mapping with description, focus, alerts, got ['focus']"),
    ('fast', "expected a mapping with description, focus, alerts, got 'fast'"),
    ('focus: [people]', ', focus: expected a mapping with classes, suppress_classes, sigma, '
                        "sampling, max_changed, got ['people']"),
    ('alerts: 3', ', alerts: expected a mapping with classes, min_area, raise_after, '
                  'clear_after, near_m, near_row, got 3'),
    ('focus: {classes: people}', ": focus.classes must be a list of class names or roles, got "
                                 "'people'"),
    ('focus: {classes: [11]}', ': focus.classes must be a list of class names or roles, got [11]'),
    ('focus: {suppress_classes: {car: 1}}', ': focus.suppress_classes must be a list of class '
                                            "names or roles, got {'car': 1}"),
    ('alerts: {classes: [yes]}', ': alerts.classes must be a list of class names or roles, got '
                                 '[True]'),
    ('focus: {sigma: -1}', ': focus.sigma must be a finite number >= 0, got -1'),
    ('focus: {sigma: .nan}', ': focus.sigma must be a finite number >= 0, got nan'),
    ('focus: {sigma: .inf}', ': focus.sigma must be a finite number >= 0, got inf'),
    ('focus: {sigma: strong}', ": focus.sigma must be a finite number >= 0, got 'strong'"),
    ('focus: {sigma: true}', ': focus.sigma must be a finite number >= 0, got True'),
    ('focus: {sigma: }', ': focus.sigma must be a finite number >= 0, got None'),
    (f'focus: {{sigma: 1{"0" * 400}}}', ': focus.sigma must be a finite number >= 0, got 1000'),
    ('focus: {max_changed: -0.1}', ': focus.max_changed must be a finite number >= 0, got -0.1'),
    ('focus: {max_changed: }', ': focus.max_changed must be a finite number >= 0, got None'),
    ('focus: {sampling: noisy}', ': focus.sampling must be one of expected, pixel, gated, got '
                                 "'noisy'"),
    ('focus: {sampling: [pixel]}', ': focus.sampling must be one of expected, pixel, gated, got '
                                   "['pixel']"),
    ('alerts: {near_m: far}', ": alerts.near_m must be a finite number >= 0, got 'far'"),
    ('alerts: {clear_after: -0.1}', ': alerts.clear_after must be a finite number >= 0, got -0.1'),
    ('alerts: {min_area: 0}', ': alerts.min_area must be a whole number of pixels >= 1, got 0'),
    ('alerts: {min_area: 0.4}', ': alerts.min_area must be a whole number of pixels >= 1, '
                                'got 0.4'),
    ('alerts: {min_area: 99.5}', ': alerts.min_area must be a whole number of pixels >= 1, '
                                 'got 99.5'),
])
def test_every_mistake_has_its_sentence_and_hinders_no_other_profile(mistake, body, sentence):
    assert sentence in mistake(body)


def test_custom_is_no_name_for_a_profile(load):
    with pytest.raises(ProfileError, match='choose another name') as error:
        load('profiles: {custom: {}, neutral: {}}').get(CUSTOM)
    assert "'custom'" in str(error.value)


@pytest.mark.parametrize(('name', 'value'), [('on', 'True'), ('2024', '2024'), ('1.5', '1.5')])
def test_a_name_that_yaml_takes_for_something_else_wants_quotes(load, name, value):
    file = load(f'profiles: {{{name}: {{}}, neutral: {{}}}}')
    with pytest.raises(ProfileError, match='put it in quotes') as error:
        file.get(value)
    assert f'reads this name as {value}' in str(error.value)
    assert load(f'profiles: {{"{name}": {{}}}}').get(name) == DriverProfile(name)


def test_an_unknown_profile_is_answered_with_the_others(shipped):
    with pytest.raises(ProfileError) as error:
        shipped.get('sport')
    assert str(error.value) == (
        "unknown driver profile 'sport'; profiles: neutral, defensive, assertive, city, highway")


def test_names_tell_all_profiles(load):
    file = load('profiles: {a: {}, b: {focus: 1}, c: {}}')
    assert file.names == ('a', 'c', 'b')
    assert set(file.mistakes) == {'b'}


@pytest.mark.parametrize('text', ['', 'profiles:', 'profiles: []', 'profiles: {}', '{}'])
def test_a_file_without_profiles(unreadable, text):
    assert 'expected a mapping "profiles:" of names to profiles' in unreadable(text)


FILTER = """
profiles: {neutral: {}}
emphasis_filter:
  weights: [0.5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, -2]
  bias: -1.5
  threshold: 0.4
  model: abc
"""


def test_the_filter_belongs_to_one_model(tmp_path, caplog):
    path = tmp_path / 'profiles.yaml'
    path.write_text(FILTER)
    file = load_profiles(path)
    assert file.emphasis_filter.weights == (0.5, 1, *[0] * 9, -2)
    assert (file.emphasis_filter.bias, file.emphasis_filter.threshold) == (-1.5, 0.4)
    assert file.filter_for('abc') is file.emphasis_filter
    assert not caplog.records
    for other in ('abd', None):
        caplog.clear()
        assert file.filter_for(other) is None
        assert 'was fitted for the model with sha256 abc, not for this one' in caplog.text


def test_a_file_without_a_filter_warns_of_nothing(tmp_path, caplog):
    path = tmp_path / 'profiles.yaml'
    path.write_text('profiles: {neutral: {}}')
    assert load_profiles(path).filter_for('abc') is None
    assert not caplog.records


@pytest.mark.parametrize(('old', 'new', 'sentence'), [
    (' -2]', ']', 'emphasis_filter: a filter has 12 weights'),
    ('0.4', '1.4', 'emphasis_filter: threshold must be between 0 and 1, got 1.4'),
    ('-1.5', 'much', 'bias must be a number'),
])
def test_a_filter_that_cannot_be(unreadable, old, new, sentence):
    assert sentence in unreadable(FILTER.replace(old, new))


def test_a_file_of_something_else(unreadable):
    assert "expected a mapping with profiles, emphasis_filter, got ['a']" in unreadable('[a]')
    assert "unknown key 'profile'; did you mean 'profiles'?" in unreadable('profile: {a: {}}')
    assert "unknown key 'defensive'; allowed: profiles, emphasis_filter" in unreadable(
        'defensive: {focus: {}}')


@pytest.mark.parametrize('text', [
    'profiles: {a: [}', 'profiles:\n\tx: 1', 'profiles: {a: 2024-99-99}', 'profiles: !!map [a]',
    'profiles: {? [a] : {}}', 'profiles: !!python/object:os.system {}', 'profiles: *nobody',
    'profiles: {a: {focus: {sigma: 0o}}}\n---\n', 'profiles: "\x01"',
])
def test_a_file_that_is_no_yaml(unreadable, text):
    assert 'is no YAML' in unreadable(text)


@pytest.mark.parametrize(('value', 'sentence'), [
    ('!!bool maybe', "'maybe' is no bool"), ('!!int ""', "'' is no int"),
    ('!!float ""', "'' is no float"), ('!!timestamp noon', "'noon' is no timestamp"),
    ('2024-99-99', "'2024-99-99' is no timestamp: month must be in 1..12"),
    (r'"\ud800"', r"'\ud800' is no text")])
def test_a_scalar_that_is_none_of_its_tag(unreadable, value, sentence):
    for where in ('{sigma: %s}', '{classes: [%s]}', '{%s: 1}'):
        message = unreadable(f'profiles: {{a: {{focus: {where % value}}}}}')
        assert f'is no YAML: {sentence}' in message
        assert 'line 1' in message


@pytest.mark.parametrize('number', ['0x' + 'f' * 5000, '-0x' + 'f' * 5000, '1' + '0' * 400])
def test_an_integer_beyond_all_bounds(mistake, number):
    message = mistake(f'{{focus: {{sigma: {number}}}}}')
    assert 'focus.sigma must be' in message
    assert len(message) < 500


@pytest.mark.parametrize('text', ['[' * 5000 + ']' * 5000, '{a: ' * 5000 + '}' * 5000])
def test_a_file_that_is_nested_without_end(unreadable, text):
    assert 'is nested too deeply' in unreadable(f'profiles: {text}')


@pytest.mark.parametrize(('value', 'where', 'reason'), [
    *((value, where, 'stands for more than 1000000 values, by aliases of aliases')
      for value in ('aliases', 'alias of itself') for where in ('{}', '{{a: {}}}')),
    ('aliases', '{{? {} : {{}}}}', 'is no YAML: while constructing a mapping'),
    ('alias of itself', '{{? {} : {{}}}}', 'is no YAML: found unconstructable recursive node')])
def test_a_file_that_stands_for_more_than_memory_holds(unreadable, value, where, reason):
    message = unreadable('profiles: ' + where.format(odd_values.YAML[value]))
    assert f'profiles.yaml: {reason}' in message
    assert len(message) < 600


def test_a_key_given_twice_is_quoted_in_bounded_length(unreadable):
    key = 'x' * 10_000
    message = unreadable(f'profiles: {{? {key} : {{}}, ? {key} : {{}}}}')
    assert 'is given twice' in message
    assert len(message) < 600


@pytest.mark.parametrize('body', [
    'description: {}', 'focus: {{classes: {}}}', 'focus: {{sigma: {}}}', 'alerts: {}',
    'alerts: {{min_area: {}}}'])
def test_what_aliases_make_huge_is_quoted_in_bounded_length(mistake, body):
    huge = '&a0 [x, x]'
    for level in range(16):
        huge = f'&a{level + 1} [{huge}, *a{level}]'
    assert len(mistake(body.format(huge))) < 1000


@pytest.mark.parametrize('key', ['x' * 10_000, '1' * 4000])
def test_a_huge_key_is_quoted_in_bounded_length(mistake, key):
    assert 'unknown key' in mistake(f'? {key}\n: 1')
    assert len(mistake(f'? {key}\n: 1')) < 1000


@pytest.mark.parametrize('name', ['""', '" "', r'"a\0b"', r'"a\nb"'])
def test_a_name_that_nobody_can_read_is_a_mistake(load, name):
    file = load(f'profiles: {{{name}: {{}}, neutral: {{}}}}')
    assert tuple(file.profiles) == ('neutral',)
    (message,) = file.mistakes.values()
    assert 'a name must be printable text' in message
    assert message.isprintable()


@pytest.mark.parametrize(('text', 'key'), [
    ('profiles: {sport: {}, calm: {}, sport: {}}', "'sport'"),
    ('profiles: {sport: {focus: {sigma: 1, sigma: 2}}}', "'sigma'"),
    ('{profiles: {a: {}}, profiles: {b: {}}}', "'profiles'"),
    ('profiles: {7: {}, 7: {}}', '7'),
])
def test_a_key_that_is_given_twice(unreadable, text, key):
    message = unreadable(text)
    assert f'the key {key} is given twice' in message
    assert 'line 1' in message


def test_a_file_that_is_not_there(tmp_path):
    for path, reason in ((f'{tmp_path}/none.yaml', 'No such file or directory'),
                         (str(tmp_path), 'Is a directory'),
                         ('~nobody_of_that_name/profiles.yaml', 'No such file or directory')):
        with pytest.raises(ProfileError) as error:
            load_profiles(path)
        assert str(error.value) == f'{path}: cannot be read: {reason}'


def test_a_pipe_is_no_file_of_profiles(tmp_path):
    """It gives its text once, and is read again with each change."""
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ProfileError, match='cannot be read: it is a pipe, a device or a socket'):
        load_profiles(tmp_path / 'pipe')


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / 'profiles.yaml'
    path.write_bytes(b'\xff\xfe\xfd')
    with pytest.raises(ProfileError, match='is no YAML') as error:
        load_profiles(path)
    assert str(path) in str(error.value)


def test_the_home_directory_may_be_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'mine.yaml').write_text('profiles: {mine: {}}')
    assert load_profiles('~/mine.yaml').names == ('mine',)


@pytest.mark.parametrize('field', ['focus_classes', 'suppress_classes'])
def test_class_names_are_validated_by_the_model(field):
    profile = DriverProfile('sport', **{field: ('persn',)})
    message = profile.mistake(CITYSCAPES)
    assert message.startswith("profile 'sport': unknown class or role 'persn'; did you mean")
    assert 'person' in message
    with pytest.raises(UnknownClassError):
        profile.signs(CITYSCAPES)


def test_alert_classes_are_validated_by_the_model():
    assert DriverProfile('sport', alerts={'classes': ('cars',)}).mistake(CITYSCAPES).startswith(
        "profile 'sport': unknown class or role 'cars'; did you mean car")
    assert DriverProfile('sport', alerts={'classes': ('car',)}).mistake(CITYSCAPES) is None


def test_a_role_that_the_model_lacks_is_a_mistake():
    message = DriverProfile('sport', focus_classes=('signals',)).mistake(LabelSet(('road', 'sky')))
    assert "no class of the role 'signals'" in message


def test_up_and_down_at_once_is_a_mistake():
    profile = DriverProfile('sport', focus_classes=('people', 'car'), suppress_classes=('person',))
    assert profile.mistake(CITYSCAPES) == (
        "profile 'sport': person cannot be focused on and suppressed at once")


def test_a_class_that_is_named_on_both_sides_is_left_alone():
    assert resolve_signs(CITYSCAPES, ('people', 'car'), ('person', 'truck')) == (
        (12, 1), (13, 1), (14, -1))


def test_signs_by_hand():
    assert resolve_signs(CITYSCAPES, ('person', 'road'), ('sky',)) == ((0, 1), (10, -1), (11, 1))
    assert resolve_signs(CITYSCAPES, (), ()) == ()


@pytest.mark.parametrize('name', RANGES)
def test_a_profile_is_held_to_the_ranges_of_what_it_states(name):
    (low, high), key = RANGES[name], name.partition('.')[2]

    def profile(value):
        return DriverProfile('p', **({key: value} if name.startswith('focus.') else {
            'alerts': {key: value}}))

    for labels in (None, CITYSCAPES):
        assert profile(low).mistake(labels) is profile(high).mistake(labels) is None
        for value in (low - 1, high + 1, math.nan):
            assert profile(value).mistake(labels) == (
                f"profile 'p': {name} must be in {low:g}..{high:g}, got {value:g}")
        # YAML's integers are of any length.
        message = profile(10**400).mistake(labels)
        assert message.startswith(f"profile 'p': {name} must be in {low:g}..{high:g}, got 1000")
        assert len(message) < 200
