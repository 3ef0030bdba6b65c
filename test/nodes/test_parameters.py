from dataclasses import replace
import math
from pathlib import Path
import re

from deadline import DEADLINE
import pytest
from rcl_interfaces.msg import ParameterType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
import yaml

from aim_ros.nodes.choices import choices_of
from aim_ros.nodes.parameter_table import ReadOnlyParameterError
from aim_ros.nodes.segmentation.parameters import NodeParameters
from aim_ros.nodes.segmentation.table import TABLE
from aim_ros.perception.profiles import ALERT_KEYS
from aim_ros.perception.settings import Mount
from aim_ros.resources import share_directory

FILE = """
profiles:
  neutral: {}
  defensive:
    focus: {classes: [people, two_wheelers], sigma: 1.0}
    alerts: {near_m: 30.0}
  assertive:
    focus: {classes: [vehicles], sigma: 0.5, sampling: pixel}
  broken:
    focus: {classes: [peple], sigma: 1.0}
  eager:
    focus: {clases: [people]}
  torn:
    focus: {classes: [vehicles], suppress_classes: [car]}
  dull:
    alerts: {min_area: 100000, near_row: 0.9}
  wild:
    alerts: {raise_after: 1000}
"""


@pytest.fixture
def profiles_file(tmp_path) -> Path:
    path = tmp_path / 'profiles.yaml'
    path.write_text(FILE)
    return path


@pytest.fixture
def make(ros, profiles_file):
    """Return a function that makes parameters on a node, with overrides."""
    def make(**overrides):
        overrides = {'profiles_file': str(profiles_file), **{
            name.replace('__', '.'): value for name, value in overrides.items()}}
        node = Node(f'parameters_{len(made)}', parameter_overrides=[
            value if isinstance(value, Parameter) else Parameter(name, value=value)
            for name, value in overrides.items()])
        made.append(node)
        return node, NodeParameters(node)
    made = []
    yield make
    for node in made:
        node.destroy_node()


def set_one(node, name, value, type_=None):
    parameter = Parameter(name, type_, value) if type_ else Parameter(name, value=value)
    result, = node.set_parameters([parameter])
    return result


def values(node) -> dict:
    return {spec.name: node.get_parameter(spec.name).value for spec in TABLE}


def test_what_no_parameter_takes_is_named_at_start(make, capfd):
    make(cameras=['front'], front__pitch=0.1, camera__height=1.2, focus__sigm=0.5, zzz=1,
         **{'qos_overrides./x.publisher.depth': 3})
    warnings = [line for line in capfd.readouterr().err.splitlines() if 'no effect' in line]
    assert len(warnings) == 3
    for line, name, hint in zip(warnings, ('camera.height', 'focus.sigm', 'zzz'),
                                ('front.height', 'focus.sigma', None), strict=True):
        assert f"no parameter '{name}'" in line
        assert (f"did you mean '{hint}'?" in line) if hint else 'did you mean' not in line


def test_every_row_is_declared_described_and_typed(make):
    node, _ = make()
    for spec in TABLE:
        descriptor = node.describe_parameter(spec.name)
        assert descriptor.description.endswith('.')
        assert descriptor.read_only == spec.read_only
        parameter = node.get_parameter(spec.name)
        if spec.is_list:
            assert parameter.type_ in (Parameter.Type.STRING_ARRAY, Parameter.Type.INTEGER_ARRAY)
        if spec.low is not None and spec.kind is float:
            assert descriptor.floating_point_range[0].to_value == spec.high
    assert node.describe_parameter('focus.sigma').type == ParameterType.PARAMETER_DOUBLE


def test_validate_gives_the_first_revision(make):
    _, parameters = make()
    settings = parameters.validate()
    assert (settings.revision, settings.profile) == (1, 'neutral')
    assert not settings.modulation.focuses
    assert [parameters.labels.names[i] for i in settings.alerts.class_ids] == [
        'person', 'rider', 'motorcycle', 'bicycle']


def test_a_profile_is_one_change(make):
    node, parameters = make()
    parameters.validate()
    assert set_one(node, 'driver_profile', 'defensive').successful
    settings = parameters.settings
    assert (settings.revision, settings.profile) == (2, 'defensive')
    assert dict(settings.modulation.signs) == {11: 1, 12: 1, 17: 1, 18: 1}
    assert settings.modulation.sigma == 1.0
    assert settings.alerts.near_m == 30.0
    assert node.get_parameter('focus.classes').value == ['people', 'two_wheelers']


def test_a_switch_does_not_depend_on_the_profile_before(make):
    node, parameters = make()
    parameters.validate()
    set_one(node, 'driver_profile', 'assertive')
    direct = values(node)
    set_one(node, 'driver_profile', 'defensive')
    set_one(node, 'driver_profile', 'assertive')
    assert values(node) == direct


def test_custom_is_derived(make):
    node, parameters = make()
    parameters.validate()
    set_one(node, 'driver_profile', 'defensive')
    assert set_one(node, 'focus.sigma', 2.0).successful
    assert node.get_parameter('driver_profile').value == parameters.settings.profile == 'custom'
    assert parameters.settings.modulation.sigma == 2.0
    assert set_one(node, 'focus.sigma', 1.0).successful
    assert node.get_parameter('driver_profile').value == 'defensive'


def test_setting_custom_changes_nothing_and_does_not_say_so(make):
    node, parameters = make()
    parameters.validate()
    set_one(node, 'driver_profile', 'defensive')
    before, settings = values(node), parameters.settings
    result = set_one(node, 'driver_profile', 'custom')
    assert not result.successful
    assert "they are those of 'defensive'. Set focus.* or alerts.*" in result.reason
    assert values(node) == before
    assert parameters.settings is settings
    set_one(node, 'focus.sigma', 2.0)
    assert set_one(node, 'driver_profile', 'custom').successful
    assert parameters.settings.modulation.sigma == 2.0


def test_at_start_custom_is_derived_too(make):
    node, parameters = make(driver_profile='custom')
    assert node.get_parameter('driver_profile').value == 'neutral'
    assert parameters.validate().profile == 'neutral'
    node, parameters = make(driver_profile='custom', focus__sigma=2.0)
    assert parameters.validate().profile == 'custom'


def test_the_description_names_the_profiles(make, profiles_file):
    node, parameters = make()
    describe = node.describe_parameter
    assert describe('driver_profile').additional_constraints == (
        'one of: neutral, defensive, assertive, broken, torn, dull, wild')
    profiles_file.write_text('profiles: {calm: {}, neutral: {}}')
    parameters.validate()
    assert describe('driver_profile').additional_constraints == 'one of: calm, neutral'
    assert describe('driver_profile').description.startswith('The driver profile in force')
    profiles_file.write_text("profiles: {'calm, at night': {}, neutral: {}}")
    parameters.validate()
    assert choices_of(describe('driver_profile').additional_constraints) == (
        'calm, at night', 'neutral')


def test_a_setting_that_no_profile_mentions_is_no_part_of_any(make):
    node, parameters = make()
    parameters.validate()
    assert set_one(node, 'alerts.clear_after', 1.5).successful
    set_one(node, 'driver_profile', 'defensive')
    assert node.get_parameter('driver_profile').value == 'defensive'
    assert node.get_parameter('alerts.clear_after').value == 1.5


def test_in_one_request_an_explicit_value_beats_the_profile(make):
    node, parameters = make()
    parameters.validate()
    for order in (1, -1):
        result = node.set_parameters_atomically([
            Parameter('driver_profile', value='defensive'),
            Parameter('focus.sigma', value=0.25)][::order])
        assert result.successful
        assert parameters.settings.modulation.sigma == 0.25
        assert len(parameters.settings.modulation.signs) == 4
        assert node.get_parameter('driver_profile').value == 'custom'


def test_at_start_explicit_values_win(make):
    node, parameters = make(driver_profile='defensive', focus__sigma=0.5)
    settings = parameters.validate()
    assert settings.modulation.sigma == 0.5
    assert len(settings.modulation.signs) == 4
    assert settings.profile == node.get_parameter('driver_profile').value == 'custom'


@pytest.mark.parametrize(('owners', 'in_force'), [(25.0, 30.0), (40.0, 40.0)])
def test_at_start_the_stricter_of_owner_and_profile_counts(make, owners, in_force):
    node, parameters = make(driver_profile='defensive', alerts__near_m=owners)
    settings = parameters.validate()
    assert (settings.profile, settings.alerts.near_m) == ('defensive', in_force)
    assert set_one(node, 'driver_profile', 'neutral').successful
    assert parameters.settings.alerts.near_m == owners


def test_at_start_the_profile_gives_the_rest(make):
    node, parameters = make(driver_profile='defensive')
    assert node.get_parameter('focus.sigma').value == 1.0
    assert parameters.validate().profile == 'defensive'


@pytest.mark.parametrize('backwards', [False, True])
@pytest.mark.parametrize('state', [
    {'driver_profile': 'defensive'},
    {'driver_profile': 'assertive', 'focus.sigma': 2.0, 'alerts.near_m': 44.0},
    {'focus.suppress_classes': ['car'], 'focus.sigma': 3.0, 'alerts.classes': ['vehicles']},
    {'driver_profile': 'defensive', 'focus.max_changed': 0.05},
])
def test_dump_and_load_restore_the_state_in_any_order(make, state, backwards):
    node, parameters = make()
    parameters.validate()
    for name, value in state.items():
        assert set_one(node, name, value).successful
    dumped = values(node)
    other, others = make()
    others.validate()
    set_one(other, 'driver_profile', 'assertive')
    lines = [(spec.name, dumped[spec.name]) for spec in TABLE if not spec.read_only]
    for name, value in lines[::-1] if backwards else lines:
        # The line that says custom may come before the values that make it so.
        assert set_one(other, name, value).successful or value == 'custom'
    assert values(other) == dumped
    assert others.settings.modulation == parameters.settings.modulation
    assert others.settings.alerts == parameters.settings.alerts
    assert others.settings.max_changed == parameters.settings.max_changed


def test_a_dumped_file_that_says_custom_is_loaded_by_the_service(ros, make, tmp_path):
    node, parameters = make()
    parameters.validate()
    assert set_one(node, 'driver_profile', 'assertive').successful
    assert node.set_parameters_atomically([
        Parameter('focus.sigma', value=2.0), Parameter('focus.max_changed', value=0.5),
        Parameter('focus.classes', value=['car', 'people'])]).successful
    dumped, settings = values(node), parameters.settings
    assert settings.profile == 'custom'
    other, others = make()
    others.validate()
    ros.add(other)
    # As `ros2 param dump` writes it, and `ros2 param load` reads it.
    file = tmp_path / 'dump.yaml'
    file.write_text(yaml.safe_dump({f'/{other.get_name()}': {'ros__parameters': dumped}}))
    client = AsyncParameterClient(ros.add(Node('client')), other.get_name())
    assert client.wait_for_services(DEADLINE)
    future = client.load_parameter_file(str(file))
    ros.wait_for(future.done)
    refused = {name for name, result in zip(sorted(dumped), future.result().results, strict=True)
               if not result.successful}
    assert refused == {row.name for row in TABLE if row.read_only} | {'driver_profile'}
    assert values(other) == dumped
    assert replace(others.settings, revision=0) == replace(settings, revision=0)


@pytest.fixture
def bounded_file(tmp_path) -> str:
    path = tmp_path / 'bounded.yaml'
    path.write_text("""
profiles:
  neutral: {}
  modest:
    focus: {classes: [people], sigma: 1.0, max_changed: 0.05}
  bold:
    focus: {classes: [people], sigma: 2.0}
  beyond:
    focus: {classes: [people], sigma: 2.0, max_changed: 1.5}
""")
    return str(path)


def test_a_profile_that_is_silent_on_the_bound_takes_that_at_start(make, bounded_file):
    for start in (1.0, 0.5):
        node, parameters = make(profiles_file=bounded_file, focus__max_changed=start)
        assert parameters.validate().max_changed == start
        for profile, bound in (('bold', start), ('modest', 0.05), ('bold', start)):
            assert set_one(node, 'driver_profile', profile).successful
            assert parameters.settings.profile == profile
            assert parameters.settings.max_changed == bound


def test_a_bound_that_a_profile_states_is_part_of_each(make, bounded_file):
    node, parameters = make(profiles_file=bounded_file, driver_profile='modest')
    assert parameters.validate().max_changed == 0.05
    assert set_one(node, 'focus.max_changed', 0.2).successful
    assert parameters.settings.profile == 'custom'
    assert set_one(node, 'focus.max_changed', 0.05).successful
    assert parameters.settings.profile == 'modest'
    assert 'focus.max_changed' in set_one(node, 'driver_profile', 'beyond').reason
    with pytest.raises(ValueError, match=r"'beyond': focus\.max_changed must be in 0\.\.1, got 1"):
        make(profiles_file=bounded_file, driver_profile='beyond')[1].validate()


@pytest.mark.parametrize('backwards', [False, True])
@pytest.mark.parametrize('state', [
    {'driver_profile': 'modest'},
    {'driver_profile': 'bold', 'focus.max_changed': 0.3},
    {'focus.max_changed': 0.3},
])
def test_dump_and_load_restore_a_bound_in_any_order(make, bounded_file, state, backwards):
    node, parameters = make(profiles_file=bounded_file)
    parameters.validate()
    for name, value in state.items():
        assert set_one(node, name, value).successful
    dumped = values(node)
    other, others = make(profiles_file=bounded_file, driver_profile='modest')
    others.validate()
    lines = [(spec.name, dumped[spec.name]) for spec in TABLE if not spec.read_only]
    for name, value in lines[::-1] if backwards else lines:
        # The line that says custom may come before the values that make it so.
        assert set_one(other, name, value).successful or value == 'custom'
    assert values(other) == dumped
    assert others.settings.max_changed == parameters.settings.max_changed


@pytest.mark.parametrize(('name', 'value', 'said'), [
    ('focus.sigma', -1.0, r'focus\.sigma'),
    ('focus.sigma', math.nan, r'focus\.sigma'),
    ('focus.sigma', math.inf, r'focus\.sigma'),
    ('focus.sigma', 'strong', r"focus\.sigma must be a number, got 'strong'"),
    ('focus.max_changed', 1.5, r'focus\.max_changed'),
    ('focus.max_changed', -0.1, r'focus\.max_changed'),
    ('focus.max_changed', math.nan, r'focus\.max_changed'),
    ('focus.max_changed', '5 %', r"focus\.max_changed must be a number, got '5 %'"),
    ('focus.sampling', 'often', 'must be one of expected, pixel'),
    ('focus.classes', 'person', r"must be a list of strings, for instance \['person', 'car'\]"),
    ('focus.classes', [1, 2], 'must be a list of strings'),
    ('focus.classes', ['persn'], 'did you mean person'),
    ('driver_profile', 'sport', "unknown driver profile 'sport'; profiles: neutral, defensive"),
    ('driver_profile', 'broken', 'did you mean people'),
    ('driver_profile', 'eager', "unknown key 'clases'; did you mean 'classes'"),
    ('driver_profile', 'torn', 'car cannot be focused on and suppressed at once'),
    ('driver_profile', 'wild', r"profile 'wild': alerts\.raise_after must be in 0\.\.5, got 1000"),
    ('driver_profile', 3, 'driver_profile must be a string'),
    ('alerts.min_area', 5000, 'may only be lowered from its value at start, 100'),
    ('alerts.near_m', 1.0, 'may only be raised from its value at start, 20'),
    ('alerts.corridor.bottom_width', 0.2, 'may only be raised'),
    ('alerts.classes', ['unicorn'], "unknown class or role 'unicorn'"),
    ('model', 'other', 'read-only'),
    ('utility.sigma', 1.0, 'read-only'),
    ('alerts.required_classes', ['car'], 'read-only'),
])
def test_a_wrong_value_is_refused_and_nothing_changes(make, name, value, said):
    node, parameters = make(driver_profile='defensive')
    settings = parameters.validate()
    before = values(node)
    result = set_one(node, name, value)
    assert not result.successful
    assert re.search(said, result.reason), result.reason
    assert values(node) == before
    assert parameters.settings is settings


def test_a_class_in_both_lists_is_left_alone(make):
    node, parameters = make(driver_profile='defensive')
    parameters.validate()
    assert set_one(node, 'focus.suppress_classes', ['rider', 'car']).successful
    assert dict(parameters.settings.modulation.signs) == {11: 1, 13: -1, 17: 1, 18: 1}


def test_a_corridor_never_narrows_towards_the_car(make):
    node, parameters = make()
    parameters.validate()
    assert set_one(node, 'alerts.corridor.top_width', 0.9).successful
    assert parameters.settings.alerts.corridor.bottom_width == 0.9


def test_an_atomic_request_with_one_mistake_changes_nothing(make):
    node, parameters = make()
    parameters.validate()
    before = values(node)
    result = node.set_parameters_atomically([
        Parameter('driver_profile', value='defensive'), Parameter('focus.sampling', value='no')])
    assert not result.successful
    assert values(node) == before


@pytest.mark.parametrize('empty', [
    Parameter('focus.classes', Parameter.Type.BYTE_ARRAY, []),
    Parameter('focus.classes', Parameter.Type.BOOL_ARRAY, []),
    Parameter('focus.classes', Parameter.Type.STRING_ARRAY, []),
    Parameter('focus.classes', Parameter.Type.NOT_SET, None),
], ids=lambda parameter: parameter.type_.name)
def test_any_empty_list_is_an_empty_list(make, empty):
    node, parameters = make(driver_profile='defensive')
    parameters.validate()
    assert node.set_parameters([empty])[0].successful
    assert parameters.settings.modulation.signs == ()
    parameter = node.get_parameter('focus.classes')
    assert (parameter.type_, parameter.value) == (Parameter.Type.STRING_ARRAY, [])
    _, at_start = make(driver_profile='defensive', focus__classes=empty)
    assert at_start.validate().modulation.signs == ()


def test_an_integer_is_taken_for_a_double(make):
    node, parameters = make()
    parameters.validate()
    assert set_one(node, 'focus.sigma', 2).successful
    assert node.get_parameter('focus.sigma').type_ == Parameter.Type.DOUBLE
    node, parameters = make(focus__sigma=2)
    assert parameters.validate().modulation.sigma == 2.0


def test_a_scalar_cannot_be_deleted(make):
    node, parameters = make()
    parameters.validate()
    result = set_one(node, 'focus.sigma', None)
    assert not result.successful
    assert node.get_parameter('focus.sigma').value == 0.0


def test_revisions_count_changes_only(make):
    node, parameters = make()
    parameters.validate()
    for sigma in (1.0, 1.0, 2.0):
        set_one(node, 'focus.sigma', sigma)
    assert parameters.settings.revision == 3
    set_one(node, 'use_sim_time', False)
    assert parameters.settings.revision == 3


def test_a_driver_may_be_more_careful_than_the_owner_but_not_less(make):
    node, parameters = make(alerts__min_area=300, alerts__near_m=15.0)
    parameters.validate()
    assert set_one(node, 'alerts.min_area', 299).successful
    assert set_one(node, 'alerts.min_area', 300).successful
    assert not set_one(node, 'alerts.min_area', 301).successful
    assert not set_one(node, 'alerts.near_m', 14.0).successful


@pytest.mark.parametrize('overrides', [{}, {'focus__sampling': 'pixel'}])
def test_no_profile_alerts_less_than_the_owner(make, overrides):
    node, parameters = make(driver_profile='dull', **overrides)
    alerts = parameters.validate().alerts
    assert (alerts.min_area, alerts.near_row) == (100, 0.62)
    assert set_one(node, 'driver_profile', 'neutral').successful
    assert set_one(node, 'driver_profile', 'dull').successful
    assert (parameters.settings.alerts.min_area, parameters.settings.profile) == (100, 'dull')


def test_an_owner_may_be_stricter_than_every_profile(make):
    node, parameters = make(alerts__near_m=40.0, alerts__min_area=50)
    parameters.validate()
    for profile in ('defensive', 'assertive', 'neutral'):
        assert set_one(node, 'driver_profile', profile).successful
        assert node.get_parameter('driver_profile').value == profile
        assert parameters.settings.alerts.near_m == 40.0
        assert parameters.settings.alerts.min_area == 50


def test_no_driver_takes_a_class_from_those_that_the_owner_has_alerted(make, profiles_file):
    profiles_file.write_text(
        'profiles: {neutral: {}, signs: {alerts: {classes: [signals]}}}')
    node, parameters = make(alerts__classes=['car'])
    alerted = parameters.validate().alerts.class_ids
    for name, value in (('alerts.classes', []), ('alerts.classes', ['sky']),
                        ('driver_profile', 'signs'), ('driver_profile', 'neutral')):
        assert set_one(node, name, value).successful
        assert parameters.settings.owner.class_ids == alerted
        assert set(alerted) <= set(parameters.settings.alerts.class_ids)


@pytest.mark.parametrize(('overrides', 'said'), [
    ({'focus__sigma': -1.0}, r'focus\.sigma must be in 0\.\.20, got -1'),
    ({'focus__sigma': 'x'}, r'focus\.sigma must be a number'),
    ({'focus__classes': ['cra']}, 'did you mean car'),
    ({'driver_profile': 'sport'}, 'unknown driver profile'),
    ({'driver_profile': 'broken'}, 'did you mean people'),
    ({'driver_profile': 'eager'}, "did you mean 'classes'"),
    ({'profiles_file': '/nowhere/profiles.yaml'}, '/nowhere/profiles.yaml: cannot be read'),
    ({'model': '/nowhere/model'}, "there is no model '/nowhere/model'"),
    ({'utility__sigma': math.nan}, r'utility\.sigma must be in 0\.\.20'),
    ({'alerts__required_classes': ['dragons']}, r'alerts\.required_classes'),
    ({'cameras': []}, r'cameras must be one or more different names.*got \[\]'),
    ({'cameras': ['a', 'a']}, 'cameras must be one or more different names'),
    ({'cameras': ['my camera']}, 'letters, digits and _'),
    ({'cameras': ['front', 'x' * 65]}, 'of 64 characters at most'),
    ({'driver_profile': 'wild'}, r"profile 'wild': alerts\.raise_after must be in"),
    ({'driver_profile': 'wild', 'focus__sampling': 'pixel'}, "profile 'wild'"),
    ({'driver_profile': 'torn', 'focus__sampling': 'pixel'}, 'car cannot be focused on and'),
    ({'precision': 'fp8'}, 'precision must be one of auto, fp32'),
    ({'free_space__max_range': 200.0, 'free_space__cell_size': 0.02},
     r'free_space\.cell_size: a grid has at most 2000 cells'),
])
def test_a_mistake_at_start_is_said_when_validating(make, overrides, said):
    _, parameters = make(**overrides)
    for _ in range(2):
        with pytest.raises((ValueError, RuntimeError), match=said):
            parameters.validate()


def test_a_mistake_at_start_can_be_mended(make):
    node, parameters = make(driver_profile='sport', focus__sigma=-1.0)
    with pytest.raises(ValueError):
        parameters.validate()
    assert set_one(node, 'focus.sigma', 0.5).successful
    assert set_one(node, 'driver_profile', 'neutral').successful
    assert parameters.validate().profile == 'neutral'


def test_classes_that_the_model_does_not_have_can_be_mended_one_after_the_other(make):
    node, parameters = make(
        alerts__classes=['cra'], focus__classes=['persn'], focus__suppress_classes=['skye'])
    with pytest.raises(ValueError, match='did you mean'):
        parameters.validate()
    for name, value in (('alerts.classes', ['car']), ('focus.suppress_classes', ['sky']),
                        ('focus.classes', ['person'])):
        refused = set_one(node, name, ['unicorn'])
        assert not refused.successful
        assert refused.reason.startswith(f'{name}: ')
        assert set_one(node, name, value).successful
    settings = parameters.validate()
    car = parameters.labels.names.index('car')
    # What stands in place of the mistake is the owner's now.
    assert car in settings.owner_alerts.class_ids
    assert set_one(node, 'driver_profile', 'neutral').successful
    assert car in parameters.settings.alerts.class_ids


def test_a_profile_file_can_be_mended_and_start_values_still_win(make, profiles_file):
    text = profiles_file.read_text()
    profiles_file.write_text('profiles: {defensive')
    _, parameters = make(driver_profile='defensive', focus__sampling='pixel')
    with pytest.raises(ValueError, match='is no YAML'):
        parameters.validate()
    profiles_file.write_text(text)
    settings = parameters.validate()
    assert settings.modulation.sigma == 1.0
    assert settings.modulation.sampling == 'pixel'


def test_a_profile_that_was_edited_is_put_in_force_when_validating_again(make, profiles_file):
    node, parameters = make(driver_profile='defensive')
    assert parameters.validate().modulation.sigma == 1.0
    text = profiles_file.read_text()
    edited = text.replace('sigma: 1.0', 'sigma: 1.5')
    assert edited != text
    profiles_file.write_text(edited)
    assert parameters.validate().modulation.sigma == 1.5
    assert parameters.settings.profile == 'defensive'
    assert set_one(node, 'focus.sigma', 0.3).successful
    profiles_file.write_text(text)
    assert (parameters.validate().modulation.sigma, parameters.profile) == (0.3, 'custom')


def test_what_a_profile_stated_before_the_file_was_edited_does_not_stay(make, profiles_file):
    profiles_file.write_text("""
profiles:
  neutral: {}
  far:
    focus: {classes: [people], sigma: 1.0, max_changed: 0.02}
    alerts: {near_m: 30.0, classes: [vehicles]}
""")
    node, parameters = make(driver_profile='far', alerts__near_m=25.0)
    assert parameters.validate().max_changed == 0.02
    profiles_file.write_text(
        'profiles: {neutral: {}, far: {focus: {classes: [people], sigma: 1.0}}}')
    for profile in ('far', 'neutral'):
        assert set_one(node, 'driver_profile', profile).successful
        settings = parameters.validate()
        assert (settings.profile, settings.max_changed) == (profile, 1.0)
        assert settings.alerts.near_m == 25.0
        assert settings.alerts.class_ids == settings.owner_alerts.class_ids


def test_parameters_of_each_camera(make):
    node, parameters = make(cameras=['left', 'right'], left__height=1.2)
    parameters.validate()
    assert parameters['left.height'] == 1.2
    assert parameters['right.height'] == 1.65
    assert node.describe_parameter('right.pitch').read_only


@pytest.mark.parametrize('camera', ['camera', 'front', 'camera_height', 'alerts', 'focus'])
def test_a_height_for_every_camera_and_one_of_its_own(make, camera):
    overrides = {'cameras': [camera, 'rear'], 'camera_height': 1.4, 'camera_pitch': 0.1}
    _, parameters = make(**overrides)
    assert parameters.validate().mounts == {camera: Mount(1.4, 0.1), 'rear': Mount(1.4, 0.1)}
    node, parameters = make(**overrides, **{f'{camera}__height': 2.0})
    assert parameters.validate().mounts == {camera: Mount(2.0, 0.1), 'rear': Mount(1.4, 0.1)}
    assert node.get_parameter(f'{camera}.height').value == 2.0
    assert node.get_parameter('rear.height').value == 1.4


def test_the_shipped_file_sets_the_height_of_any_camera(ros):
    file = share_directory() / 'config' / 'perception.yaml'
    for camera in ('camera', 'front'):
        node = Node('segmentation', cli_args=[
            '--ros-args', '--params-file', str(file), '-p', f'cameras:=[{camera}]',
            '-p', 'camera_height:=1.2'])
        assert NodeParameters(node).validate().mounts == {camera: Mount(1.2, 0.0)}
        node.destroy_node()


@pytest.mark.parametrize(('name', 'hint'), [
    ('camera.pitch', "did you mean 'front.pitch'? camera_pitch is for every camera"),
    ('rear.height', "did you mean 'front.height'? camera_height is for every camera"),
    ('camera.pich', "did you mean 'camera_pitch'?"),
    ('front.pich', "did you mean 'front.pitch'?"),
    ('camera_hight', "did you mean 'camera_height'?"),
    ('camera', "did you mean 'cameras'?"),
    ('pitch', "did you mean 'front.pitch'? camera_pitch is for every camera"),
])
def test_what_is_like_a_parameter_of_a_camera_is_answered_with_which(make, capfd, name, hint):
    make(cameras=['front'], **{name: 0.1})
    line, = (line for line in capfd.readouterr().err.splitlines() if 'no effect' in line)
    assert f'there is no parameter {name!r}' in line
    assert line.endswith(f'its value at start has no effect; {hint}')


def test_the_settings_hold_all_that_worker_and_watchdog_need(make):
    node, parameters = make(cameras=['left', 'right'], left__height=1.2, left__pitch=0.1,
                            alerts__stale_after=0.5, alerts__max_age=3.0)
    settings = parameters.validate()
    assert (settings.stale_after, settings.max_age) == (0.5, 3.0)
    assert settings.mounts == {'left': Mount(1.2, 0.1), 'right': Mount(1.65, 0.0)}
    assert set_one(node, 'alerts.stale_after', 0.4).successful
    assert (parameters.settings.stale_after, parameters.settings.revision) == (0.4, 2)


def test_a_mistake_that_only_another_start_mends_is_distinguished(make):
    _, parameters = make(precision='fp8', focus__sigma=-1.0)
    with pytest.raises(ReadOnlyParameterError, match=r'precision .*; focus\.sigma'):
        parameters.validate()
    _, parameters = make(focus__sigma=-1.0)
    with pytest.raises(ValueError) as error:
        parameters.validate()
    assert not isinstance(error.value, ReadOnlyParameterError)


@pytest.mark.parametrize(('overrides', 'said'), [
    ({'input_size': [8, 8]}, 'at least 32 pixels each, got'),
    ({'input_size': [65536, 65536]}, 'at most 16777216 pixels together, got'),
    ({'input_size': [2**62, 2**62]}, 'at most 16777216 pixels together, got'),
    ({'input_size': [64]}, 'input_size must be empty or'),
    ({'alerts__required_classes': ['dragons']}, r"required_classes: unknown class.* 'dragons'"),
    ({'front__height': 0.0, 'cameras': ['front']}, r'front\.height must be in 0\.1\.\.10'),
    ({'qos_overrides./camera/image.subscription.reliability': 'relaible'}, 'reliability must be'),
])
def test_each_kind_of_mistake_that_only_another_start_mends(make, overrides, said):
    _, parameters = make(**overrides)
    with pytest.raises(ReadOnlyParameterError, match=said):
        parameters.validate()


def test_every_alert_setting_of_a_profile_is_a_parameter():
    assert {f'alerts.{key}' for key in ALERT_KEYS} <= {row.name for row in TABLE}


def another(row, value):
    """Return a value of a row that is not `value`, and that a driver may choose."""
    if row.is_list:
        return ['car']
    if row.choices:
        return next(choice for choice in row.choices if choice != value)
    if row.name == 'driver_profile':
        return 'defensive'
    lowered = row.driver_may == 'lowered' or (not row.driver_may and value == row.high)
    return type(value)(row.low if lowered else row.high)


@pytest.mark.parametrize('row', [row for row in TABLE if not row.read_only],
                         ids=lambda row: row.name)
def test_every_parameter_that_may_change_changes_the_settings(make, row):
    node, parameters = make()
    before = parameters.validate()
    assert set_one(node, row.name, another(row, parameters[row.name])).successful
    assert parameters.settings.revision == before.revision + 1


def test_what_can_be_known_without_the_model_is_reported_before(make):
    node, _ = make(model='/nowhere/model')
    for name, value, said in (('driver_profile', 'sport', 'unknown driver profile'),
                              ('driver_profile', 'custom', 'cannot be set to custom'),
                              ('alerts.near_m', 1.0, 'may only be raised')):
        result = set_one(node, name, value)
        assert not result.successful
        assert said in result.reason
    node, _ = make(profiles_file='/nowhere.yaml')
    assert 'unknown class' in set_one(node, 'focus.classes', ['persn']).reason
    assert set_one(node, 'driver_profile', 'sport').successful


@pytest.mark.parametrize('given', [
    [1, 0, 0, 0, 0, 0, 1], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], []])
def test_where_a_cloud_is_may_be_given(make, given):
    _, parameters = make(camera__points__transform=given)
    found = parameters.validate().outputs.point_transforms['camera']
    assert found == tuple(map(float, given))
    assert all(isinstance(value, float) for value in found)


@pytest.mark.parametrize('given', [
    [1.0, 0.0, 0.0], [0.0] * 7, [float('nan')] + [0.0] * 5 + [1.0], [0.0] * 6 + [1.5]])
def test_a_transform_that_is_none_is_refused(make, given):
    _, parameters = make(camera__points__transform=given)
    said = r'^camera\.points\.transform must be empty or \[x'
    with pytest.raises(ReadOnlyParameterError, match=said):
        parameters.validate()
