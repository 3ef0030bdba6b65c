"""The rules of profiles, also as properties of a node's parameters without a node."""

from collections.abc import Mapping
from typing import Any

import pytest

from aim_ros.perception.profile_rules import Limits
from aim_ros.perception.profile_rules import ProfileRules
from aim_ros.perception.profile_rules import same
from aim_ros.perception.profiles import ALERT_KEYS
from aim_ros.perception.profiles import CUSTOM
from aim_ros.perception.profiles import DriverProfile
from aim_ros.perception.profiles import ProfileError
from aim_ros.perception.profiles import ProfileFile

START = {
    'driver_profile': 'neutral',
    'focus.classes': (), 'focus.suppress_classes': (), 'focus.sigma': 0.0,
    'focus.sampling': 'expected', 'focus.max_changed': 1.0,
    'alerts.classes': (), 'alerts.min_area': 100, 'alerts.raise_after': 0.2,
    'alerts.clear_after': 0.5, 'alerts.near_m': 20.0, 'alerts.near_row': 0.62,
    'alerts.stale_after': 0.7,
}
SIDES = {
    'alerts.min_area': 'lowered', 'alerts.raise_after': 'lowered',
    'alerts.clear_after': 'raised', 'alerts.near_m': 'raised', 'alerts.near_row': 'lowered',
    'alerts.stale_after': 'lowered',
}
PROFILES = (
    DriverProfile('neutral'),
    DriverProfile('defensive', focus_classes=('people', 'two_wheelers'), sigma=1.0,
                  alerts={'near_m': 30.0}),
    DriverProfile('assertive', focus_classes=('vehicles',), sigma=0.5, sampling='pixel'),
    DriverProfile('dull', alerts={'min_area': 100_000, 'near_row': 0.9}),
    DriverProfile('twin'),
)


def rules_of(*profiles: DriverProfile, **start: Any) -> ProfileRules:
    file = ProfileFile('profiles.yaml', {profile.name: profile for profile in profiles})
    return ProfileRules(file, Limits({**START, **start}, SIDES))


class Parameters:
    """What a node does with the requests that it gets, without the node."""

    def __init__(self, rules: ProfileRules):
        self.rules = rules
        self.values = dict(rules.limits.start)
        self.values['driver_profile'] = rules.profile_of(self.values, CUSTOM)

    def request(self, given: Mapping[str, Any]) -> bool:
        """Set parameters in one atomic request; return whether they were taken."""
        try:
            changes = {**given, **self.rules.derive(self.values, given)}
            self.rules.limits.check(changes)
            self.rules.check(self.values, changes)
        except ValueError:
            return False
        self.values |= changes
        return True


@pytest.fixture
def parameters() -> Parameters:
    return Parameters(rules_of(*PROFILES))


def test_a_profile_sets_all_that_some_profile_states(parameters):
    rules = parameters.rules
    assert rules.governed == (
        'alerts.min_area', 'alerts.near_m', 'alerts.near_row', 'focus.classes', 'focus.sampling',
        'focus.sigma', 'focus.suppress_classes')
    assert rules.values('defensive') == {
        'focus.classes': ('people', 'two_wheelers'), 'focus.suppress_classes': (),
        'focus.sigma': 1.0, 'focus.sampling': 'expected', 'alerts.min_area': 100,
        'alerts.near_m': 30.0, 'alerts.near_row': 0.62}


def test_a_profile_never_loosens_what_the_owner_set():
    dull = rules_of(*PROFILES).values('dull')
    assert (dull['alerts.min_area'], dull['alerts.near_row']) == (100, 0.62)
    strict = rules_of(*PROFILES, **{'alerts.near_m': 50.0}).values('defensive')
    assert strict['alerts.near_m'] == 50.0


def test_at_start_what_was_given_wins_but_for_the_limits():
    rules = rules_of(*PROFILES, **{'alerts.near_m': 25.0})
    given = {'focus.sigma': 0.3, 'alerts.near_m': 25.0, 'alerts.stale_after': 0.5}
    values = rules.at_start('defensive', given)
    assert (values['focus.sigma'], values['alerts.near_m'], values['alerts.stale_after']) == (
        0.3, 30.0, 0.5)


def test_of_profiles_that_say_the_same_the_preferred_one_is_meant(parameters):
    assert parameters.rules.profile_of(START, 'twin') == 'twin'
    assert parameters.rules.profile_of(START, 'defensive') == 'neutral'
    assert parameters.rules.profile_of({**START, 'focus.sigma': 3.0}, 'twin') == CUSTOM
    assert parameters.request({'driver_profile': 'twin'})
    assert parameters.request({'focus.sigma': 0.0})
    assert parameters.values['driver_profile'] == 'twin'


def test_custom_can_only_be_asked_for_where_it_is_so(parameters):
    assert parameters.request({'driver_profile': 'defensive'})
    before = dict(parameters.values)
    assert not parameters.request({'driver_profile': CUSTOM})
    assert parameters.values == before
    with pytest.raises(ValueError, match=(
            r"cannot be set to custom: .* they are those of 'defensive'.* one of neutral, ")):
        parameters.rules.check(before, {'driver_profile': CUSTOM})
    assert parameters.request({'driver_profile': CUSTOM, 'focus.sigma': 2.0})
    assert parameters.values['driver_profile'] == CUSTOM
    assert parameters.request({'driver_profile': CUSTOM})
    assert parameters.request({'driver_profile': CUSTOM, 'focus.sigma': 1.0})
    assert parameters.values == before


def test_an_unknown_profile_is_answered_with_the_others(parameters):
    with pytest.raises(ProfileError, match="unknown driver profile 'sport'; profiles: neutral"):
        parameters.rules.derive(START, {'driver_profile': 'sport'})


def test_a_limit_says_which_side_and_why(parameters):
    parameters.rules.limits.check({'alerts.min_area': 100, 'alerts.near_m': 21.0})
    with pytest.raises(ValueError, match=r'near_m may only be raised from .* 20, so that no haz'):
        parameters.rules.limits.check({'alerts.min_area': 100, 'alerts.near_m': 19.0})


def test_the_order_of_classes_means_nothing_and_is_kept(parameters):
    assert same(('a', 'b'), ('b', 'a'))
    assert not same(('a',), ('a', 'b'))
    assert not same(1.0, 2.0)
    backwards = ('two_wheelers', 'people')
    assert parameters.request({'driver_profile': 'defensive'})
    assert parameters.request({'focus.classes': backwards})
    assert parameters.request({'driver_profile': 'defensive'})
    assert parameters.values['driver_profile'] == 'defensive'
    assert parameters.values['focus.classes'] == backwards


# Properties

hypothesis = pytest.importorskip('hypothesis', reason='hypothesis is not installed')

from hypothesis import given  # noqa: E402
from hypothesis import settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

# However slow the machine is.
unhurried = settings(deadline=None)

CLASSES = st.lists(st.sampled_from(('people', 'vehicles', 'car')), max_size=3, unique=True).map(
    tuple)
# Few different ones, so that values are often those of a profile by chance.
VALUES = {
    'focus.classes': CLASSES,
    'focus.suppress_classes': CLASSES,
    'focus.sigma': st.sampled_from((0.0, 0.5, 1.0)),
    'focus.sampling': st.sampled_from(('expected', 'pixel')),
    'focus.max_changed': st.sampled_from((0.05, 0.5, 1.0)),
    'alerts.classes': CLASSES,
    'alerts.min_area': st.sampled_from((50, 100, 200)),
    'alerts.raise_after': st.sampled_from((0.1, 0.2, 0.3)),
    'alerts.clear_after': st.sampled_from((0.4, 0.5, 0.6)),
    'alerts.near_m': st.sampled_from((10.0, 20.0, 30.0)),
    'alerts.near_row': st.sampled_from((0.5, 0.62, 0.7)),
    'alerts.stale_after': st.sampled_from((0.5, 0.7, 0.8)),
}
NAMES = ('a', 'b', 'c')
PROFILE = st.builds(
    DriverProfile, name=st.just(''), focus_classes=CLASSES, suppress_classes=CLASSES,
    sigma=VALUES['focus.sigma'], sampling=VALUES['focus.sampling'],
    max_changed=st.none() | VALUES['focus.max_changed'],
    alerts=st.fixed_dictionaries(
        {}, optional={key: VALUES[f'alerts.{key}'] for key in ALERT_KEYS}))
RULES = st.builds(
    lambda profiles, start: ProfileRules(
        ProfileFile('', dict(zip(NAMES, profiles, strict=True))),
        Limits({**start, 'driver_profile': 'a'}, SIDES)),
    st.tuples(*[PROFILE] * len(NAMES)), st.fixed_dictionaries(VALUES))
REQUEST = st.fixed_dictionaries(
    {}, optional={**VALUES, 'driver_profile': st.sampled_from((*NAMES, CUSTOM, 'unknown'))})
REQUESTS = st.lists(REQUEST, max_size=4)


def reached(rules: ProfileRules, requests: list[Mapping[str, Any]]) -> Parameters:
    parameters = Parameters(rules)
    for request in requests:
        parameters.request(request)
    return parameters


@unhurried
@given(RULES, REQUESTS, REQUESTS, st.permutations([*VALUES, 'driver_profile']))
def test_a_dump_restores_the_state_in_any_order_of_its_lines(rules, requests, others, order):
    dumped = reached(rules, requests).values
    parameters = reached(rules, others)
    for name in order:
        taken = parameters.request({name: dumped[name]})
        # That one may come before the values that make it so.
        assert taken or dumped[name] == CUSTOM
    assert parameters.values == dumped
    parameters = reached(rules, others)
    assert parameters.request(dumped)
    assert parameters.values == dumped


@unhurried
@given(RULES, REQUESTS, REQUEST)
def test_an_explicit_value_beats_the_profile(rules, requests, request_):
    parameters = reached(rules, requests)
    if parameters.request(request_):
        for name, value in request_.items():
            assert name == 'driver_profile' or parameters.values[name] == value


@unhurried
@given(RULES, REQUESTS, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_there_and_back_is_as_before(rules, requests, name, other):
    parameters = reached(rules, requests)
    assert parameters.request({'driver_profile': name})
    before = dict(parameters.values)
    assert parameters.request({'driver_profile': other})
    assert parameters.request({'driver_profile': name})
    assert all(same(before[key], value) for key, value in parameters.values.items())


@unhurried
@given(RULES, REQUESTS, REQUESTS, st.sampled_from(NAMES))
def test_a_switch_does_not_depend_on_the_state_before(rules, requests, others, name):
    one, other = reached(rules, requests), reached(rules, others)
    for parameters in (one, other):
        assert parameters.request({'driver_profile': name})
    assert all(same(one.values[key], other.values[key]) for key in rules.governed)


@unhurried
@given(RULES, REQUESTS)
def test_no_limit_is_ever_loosened(rules, requests):
    values, start = reached(rules, requests).values, rules.limits.start
    for name, side in SIDES.items():
        assert values[name] <= start[name] if side == 'lowered' else values[name] >= start[name]


@unhurried
@given(RULES, REQUESTS)
def test_the_profile_in_force_is_the_one_whose_values_are(rules, requests):
    values = reached(rules, requests).values
    fitting = {name for name in NAMES if all(
        same(values[key], value) for key, value in rules.values(name).items())}
    name = values['driver_profile']
    assert name in fitting if fitting else name == CUSTOM


@unhurried
@given(RULES, st.sampled_from(NAMES), st.sets(st.sampled_from(sorted(VALUES))))
def test_at_start_explicit_values_win_and_limits_hold(rules, name, names):
    explicit = {key: rules.limits.start[key] for key in names}
    values = rules.at_start(name, explicit)
    for key, value in explicit.items():
        assert values[key] == value or (
            key in SIDES and values[key] == rules.limits.stricter(key, values[key]))
    rules.limits.check(values)
