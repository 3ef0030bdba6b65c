import array
from dataclasses import dataclass
import math
import re

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from aim_ros.nodes.parameter_row import parameter
from aim_ros.nodes.parameter_row import Row
from aim_ros.nodes.parameter_row import rows_of
from aim_ros.nodes.parameter_table import ParameterTable
from aim_ros.nodes.parameter_table import ReadOnlyParameterError
from aim_ros.nodes.qos.overriding import overriding_options
from aim_ros.nodes.qos.overriding import refuse_other_overrides


def refuse_odd(value: int) -> None:
    if value % 2:
        raise ValueError(f'pairs must be even, got {value}')


@dataclass(frozen=True)
class Settings:
    """Every kind of parameter, as a node that fixes all at start has them."""

    source: str = parameter('street', 'What to play.')
    rate: float = parameter(1.0, 'How fast.', low=0.0, high=10.0)
    pairs: int = parameter(2, 'How many.', low=0, high=100, check=refuse_odd)
    loop: bool = parameter(False, 'Whether again.')
    stamps: str = parameter('original', 'Which.', choices=('original', 'now'))
    size: tuple[int, ...] = parameter((), 'How large.')
    names: tuple[str, ...] = parameter(('a',), 'Which ones.')


@pytest.fixture
def make(ros):
    """Return a function that declares `Settings` on a node, with overrides."""
    def make(**overrides):
        node = Node(f'table_{len(made)}', parameter_overrides=[
            value if isinstance(value, Parameter) else Parameter(name, value=value)
            for name, value in overrides.items()])
        made.append(node)
        return node, ParameterTable(node, rows_of(Settings, read_only=True))
    made = []
    yield make
    for node in made:
        node.destroy_node()


def test_a_dataclass_is_filled_from_its_rows(make):
    node, table = make()
    assert Settings(**table.require()) == Settings()
    assert table.given == {}
    node, table = make(rate=2, size=[3, 4], names=[], loop=True)
    settings = Settings(**table.require())
    assert settings == Settings(rate=2.0, size=(3, 4), names=(), loop=True)
    assert type(settings.rate) is float
    assert table.given == {'rate': 2.0, 'size': (3, 4), 'names': (), 'loop': True}
    assert node.describe_parameter('rate').read_only
    assert node.describe_parameter('rate').floating_point_range[0].to_value == 10.0
    assert node.describe_parameter('pairs').integer_range[0].to_value == 100
    assert node.describe_parameter('stamps').additional_constraints == 'one of: original, now'
    assert node.describe_parameter('source').description == 'What to play.'


@pytest.mark.parametrize(('name', 'value', 'sentence'), [
    ('source', 3, 'source must be a string, got 3'),
    ('rate', 'fast', "rate must be a number, got 'fast'"),
    ('rate', math.nan, 'rate must be in 0..10, got nan'),
    ('rate', 11, 'rate must be in 0..10, got 11'),
    ('pairs', 2.0, 'pairs must be an integer, got 2.0'),
    ('pairs', True, 'pairs must be an integer, got True'),
    ('pairs', 3, 'pairs must be even, got 3'),
    ('loop', 1, 'loop must be true or false, got 1'),
    ('stamps', 'old', "stamps must be one of original, now, got 'old'"),
    ('size', ['a'], "size must be a list of integers, for instance [192, 640], got ['a']"),
    ('names', 'a', "names must be a list of strings, for instance ['person', 'car'], got 'a'"),
    ('source', Parameter('source', Parameter.Type.BOOL_ARRAY, []), 'source must be a string, '
     'got []'),
    ('rate', array.array('q', [1, 2]), 'rate must be a number, got [1, 2]'),
    ('names', array.array('d', [0.5]),
     "names must be a list of strings, for instance ['person', 'car'], got [0.5]"),
])
def test_what_is_wrong_at_start_is_said_and_the_default_stands_in(make, name, value, sentence):
    _, table = make(**{name: value})
    assert table.mistakes == {name: sentence}
    assert table[name] == getattr(Settings(), name)
    with pytest.raises(ReadOnlyParameterError) as error:
        table.require()
    assert str(error.value) == sentence


def test_all_mistakes_are_said_at_once(make):
    _, table = make(rate=11, loop=1)
    with pytest.raises(ValueError, match=r'rate must be .*; loop must be'):
        table.require()


def test_a_mistake_in_what_may_change_is_no_read_only_one(make):
    node, table = make()
    table.declare([Row('gain', float, 1.0, 'How much.', low=0.0, high=2.0)])
    assert not table.is_fixed('gain')
    with pytest.raises(ValueError, match='gain') as error:
        table.refuse({'gain': 'gain must be'})
    assert not isinstance(error.value, ReadOnlyParameterError)
    table.set({'gain': 1.5})
    assert table['gain'] == node.get_parameter('gain').value == 1.5
    with pytest.raises(ValueError, match='read-only'):
        table.set({'gain': 1.0, 'rate': 2.0})
    assert table['gain'] == 1.5


def test_a_name_that_nothing_takes_is_reported(make, capfd):
    _, table = make(sorce='x', zzz=1, **{'qos_overrides./x.publisher.depth': 1})
    table.warn_of_unknown()
    lines = [line for line in capfd.readouterr().err.splitlines() if 'no effect' in line]
    assert [line.partition('parameter ')[2] for line in lines] == [
        "'sorce', its value at start has no effect; did you mean 'source'?",
        "'zzz', its value at start has no effect"]
    table.warn_of_unknown(lambda name: f'{name} is a mistake')
    assert 'zzz is a mistake' in capfd.readouterr().err


# QoS

@pytest.mark.parametrize(('policy', 'value', 'said'), [
    ('reliability', 'relaible', "must be one of system_default, reliable, best_effort, best_avail"
                                "able, got 'relaible'"),
    ('reliability', 1, 'must be a string, got 1'),
    ('reliability', 'unknown', 'must be one of'),
    ('durability', 'for ever', 'must be one of system_default, transient_local, volatile, best'),
    ('history', 'unknown', 'must be one of system_default, keep_last, keep_all, got'),
    ('liveliness', '', 'must be one of'),
    ('depth', 'five', "must be an integer, got 'five'"),
    ('depth', 5.0, 'must be an integer, got 5.0'),
    ('depth', -1, 'must be in 0..'),
    ('depth', 2**31, 'must be in 0..'),
    ('depth', True, 'must be an integer, got True'),
    ('deadline', -1, 'must be in 0..'),
    ('lifespan', '1 s', "must be an integer, got '1 s'"),
    ('avoid_ros_namespace_conventions', 0, 'must be true or false, got 0'),
    ('relability', 'reliable', "there is no QoS policy 'relability'; did you mean 'reliability'?"),
    ('colour', 'red', "there is no QoS policy 'colour'; policies: durability, deadline, "),
])
@pytest.mark.parametrize('entity', ['publisher', 'subscription_front'])
def test_a_qos_override_of_another_type_or_value(make, entity, policy, value, said):
    name = f'qos_overrides./camera/image.{entity}.{policy}'
    _, table = make(**{name: value})
    mistake = table.mistakes[name]
    assert mistake.startswith(name)
    assert said in mistake
    with pytest.raises(ReadOnlyParameterError):
        table.require()


@pytest.mark.parametrize(('policy', 'value'), [
    ('reliability', 'reliable'), ('reliability', 'BEST_EFFORT'), ('durability', 'Volatile'),
    ('history', 'keep_all'), ('liveliness', 'automatic'), ('depth', 0), ('depth', 100),
    ('deadline', 10**9), ('lifespan', 2**40), ('avoid_ros_namespace_conventions', True)])
def test_a_qos_override_that_rclpy_takes_is_taken(make, policy, value):
    _, table = make(**{f'qos_overrides./camera/image.subscription.{policy}': value})
    assert not table.mistakes


def test_a_qos_override_that_no_topic_takes_wants_another_start(make):
    taken, untaken = (f'qos_overrides./pictures.publisher.{policy}' for policy in (
        'depth', 'deadline'))
    node, _ = make(**{taken: 3, untaken: 3, 'qos_overrides./others.publisher.deadline': 3})
    node.create_publisher(Image, 'pictures', 10, qos_overriding_options=overriding_options())
    with pytest.raises(ReadOnlyParameterError, match=f'^{re.escape(untaken)} cannot be overrid'):
        refuse_other_overrides(node, ['/pictures'])
    refuse_other_overrides(node, ['/elsewhere'])
