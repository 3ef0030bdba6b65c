import pytest
from rclpy.context import Context
from rclpy.node import Node

from aim_ros.nodes.start_errors import start_errors
from aim_ros.nodes.start_errors import StartError


@pytest.fixture
def start():
    """Return a function that starts ROS and a node on it with ROS arguments, and ends both."""
    def start(*arguments: str) -> None:
        context = Context()
        try:
            context.init(['--ros-args', *arguments])
            Node('starting', context=context).destroy_node()
        finally:
            context.try_shutdown()
    return start


@pytest.fixture
def refused(start):
    """Return a function that gives the sentence by which a start is refused."""
    def refused(*arguments: str) -> str:
        with pytest.raises(StartError) as error, start_errors():
            start(*arguments)
        assert '\n' not in str(error.value)
        assert '/src/' not in str(error.value)
        return str(error.value)
    return refused


@pytest.mark.parametrize(('value', 'sentence'), [
    ("'true'", "use_sim_time must be true or false, without quotes; got 'true'"),
    ('"a\nb"', "use_sim_time must be true or false, without quotes; got 'a b'"),
    ('1', 'use_sim_time must be true or false, without quotes; got 1'),
    ('0.5', 'use_sim_time must be true or false, without quotes; got 0.5'),
    ('[true]', 'use_sim_time must be true or false, without quotes; got [True]'),
    ('[]', 'use_sim_time was given no value; give one, or leave it out'),
])
def test_a_parameter_of_rclpy_of_another_type(refused, tmp_path, value, sentence):
    assert refused('-p', f'use_sim_time:={value}') == sentence
    file = tmp_path / 'params.yaml'
    if '\n' not in value:
        file.write_text(f'/**:\n  ros__parameters:\n    use_sim_time: {value}\n')
        assert refused('--params-file', str(file)) == sentence


def test_every_parameter_that_rclpy_declares_at_construction(refused):
    assert refused('-p', 'start_type_description_service:=3') == (
        'start_type_description_service must be true or false, without quotes; got 3')


@pytest.mark.parametrize(('arguments', 'part'), [
    (('-p', 'sigma'), "parameter override rule: '-p sigma'"),
    (('-p', 'sigma:='), "parameter override rule: '-p sigma:='"),
    (('-p', 'a:=[1, b]'), 'Sequence should be of same type'),
    (('-p',), 'trailing -p flag'),
    (('--nonsense', '-x'), "there are no such ROS arguments: ['--nonsense', '-x']"),
    (('--log-level', 'loud'), "log level: '--log-level loud'"),
    (('-r', '__node:=9 bad'), "remap rule: '-r __node:=9 bad'"),
    (('-r', '__ns:=bad'), "remap rule: '-r __ns:=bad'"),
    (('--params-file', '/nowhere.yaml'), "params file: '--params-file /nowhere.yaml'"),
])
def test_ros_arguments_that_cannot_be_parsed(refused, arguments, part):
    assert part in refused(*arguments)


@pytest.mark.parametrize('arguments', [
    ('-p', 'model:=/tmp/\udcff'), ('-r', '__node:=\udcff'), ('--params-file', '\udcff.yaml')])
def test_a_name_that_is_no_text(refused, arguments):
    # As Python gives the bytes of an argument that are not UTF-8.
    assert refused(*arguments) == (
        f'ROS takes text in UTF-8 alone; this is none: {arguments[-1]!r}')


@pytest.mark.parametrize('text', ['a: b: c', '[]', '/**:\n  sigma: 3\n', '{', '\t',
                                  '/**:\n  ros__parameters:\n    a:\n'])
def test_a_parameter_file_that_is_none(refused, tmp_path, text):
    file = tmp_path / 'params.yaml'
    file.write_text(text)
    assert str(file) in refused('--params-file', str(file))


def test_what_rclpy_takes_passes_and_so_does_an_error_of_another_kind(start):
    with start_errors():
        start('-p', 'use_sim_time:=false', '-p', 'use_sim_time:=true')
    with pytest.raises(ZeroDivisionError), start_errors():
        raise ZeroDivisionError
