"""The launch file: its arguments, and that it brings the nodes up, and down again."""

import importlib.util
from pathlib import Path
import random
import time

import pytest

# Without the package, `launch` alone would be the repository's folder.
pytest.importorskip('launch.actions')
pytest.importorskip('launch_ros')
pytest.importorskip('launch_pytest')

from ament_index_python.packages import get_package_prefix
from ament_index_python.packages import PackageNotFoundError
from diagnostic_msgs.msg import DiagnosticArray
import launch
from launch.actions import DeclareLaunchArgument
from launch.actions import IncludeLaunchDescription
from launch.actions import RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
import launch_pytest
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

LAUNCH_FILE = Path(__file__).resolve().parents[2] / 'launch' / 'perception.launch.py'
DOMAIN = random.randint(1, 100)
DEADLINE = 90.0


def _not_installed():
    """Say why the nodes can not be started by their package's name; empty where they can."""
    try:
        prefix = Path(get_package_prefix('aim_ros'))
    except PackageNotFoundError:
        prefix = None
    if prefix is None or not (prefix / 'lib' / 'aim_ros' / 'segmentation').is_file():
        return 'aim_ros is not installed: colcon build it and source its setup file'
    return ''


installed = pytest.mark.skipif(bool(_not_installed()), reason=_not_installed())


@pytest.fixture(scope='module')
def perception():
    """Import the launch file."""
    spec = importlib.util.spec_from_file_location('perception_launch', LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The arguments and what follows from them: nothing is started.

CHOICES = {
    'precision': {'', 'auto', 'fp32', 'fp16', 'bf16'},
    'image_transport': {'', 'raw', 'compressed'},
    'use_sim_time': {'', 'true', 'false'},
    'replay_loop': {'true', 'false'},
    'lockstep': {'true', 'false'},
    'autostart': {'', 'true', 'false'},
    'log_level': {'debug', 'info', 'warn', 'error', 'fatal'},
}


def test_every_argument_is_declared_at_top_level_with_a_description(perception):
    entities = perception.generate_launch_description().entities
    declared = [entity for entity in entities if isinstance(entity, DeclareLaunchArgument)]
    assert {argument.name for argument in declared} == {
        'model', 'device', 'precision', 'input_size', 'profiles_file', 'driver_profile', 'camera',
        'image_topic', 'image_transport', 'use_sim_time', 'params_file', 'replay', 'replay_rate',
        'replay_loop', 'lockstep', 'autostart', 'log_level'}
    for argument in declared:
        # What launch puts in where there is none.
        assert argument.description not in ('', 'no description given'), argument.name


def test_choices(perception):
    assert {argument.name: set(argument.choices) for argument in perception.ARGUMENTS
            if argument.choices is not None} == CHOICES


def test_the_precisions_are_those_of_the_segmenter():
    segmenter = pytest.importorskip('aim_ros.segmentation.segmenter')
    assert CHOICES['precision'] == {'', 'auto', *segmenter.PRECISIONS}


def test_image_topic_gives_the_three_inputs(perception):
    assert perception.remappings('front', '/sensing/cam0/image_raw') == [
        ('front/image', '/sensing/cam0/image_raw'),
        ('front/image/compressed', '/sensing/cam0/image_raw/compressed'),
        ('front/camera_info', '/sensing/cam0/camera_info')]
    assert perception.remappings('front', 'picture')[-1] == ('front/camera_info', 'camera_info')
    assert perception.remappings('front', '/picture')[-1] == ('front/camera_info', '/camera_info')
    assert perception.remappings('front', '') == []


def test_image_topic_is_the_raw_one(perception):
    with pytest.raises(ValueError, match='image_topic:=/cam/image image_transport:=compressed'):
        perception.remappings('front', '/cam/image/compressed')


@pytest.mark.parametrize('text', ['192,640', '[192, 640]', ' 192 , 640 '])
def test_input_size(perception, text):
    assert perception._input_size(text) == [192, 640]


@pytest.mark.parametrize('text', ['192', '192x640', '192,640,3', 'a,b', '1.5,2'])
def test_a_wrong_input_size_says_what_is_right(perception, text):
    with pytest.raises(ValueError, match='height and width, as in 192,640'):
        perception._input_size(text)


def given(**arguments):
    """Return the value of each argument, the default where it is not given."""
    defaults = {'replay_rate': '1.0', 'replay_loop': 'false', 'lockstep': 'false'}
    names = ('model', 'device', 'precision', 'input_size', 'profiles_file', 'driver_profile',
             'camera', 'image_topic', 'image_transport', 'use_sim_time', 'replay', 'autostart')
    return {**dict.fromkeys(names, ''), **defaults, **arguments}


def test_what_is_not_given_is_left_to_the_parameter_file(perception):
    assert perception.segmentation_parameters(given()) == {}


def test_what_is_given_overrides_the_parameter_file(perception):
    assert perception.segmentation_parameters(given(
        model='12', device='cpu', input_size='192,640', camera='front', driver_profile='city',
        autostart='false', use_sim_time='true')) == {
            'model': '12', 'device': 'cpu', 'input_size': [192, 640], 'cameras': ['front'],
            'driver_profile': 'city', 'autostart': False, 'use_sim_time': True}


@pytest.mark.parametrize('arguments', [{'replay': 'street'}, {'image_topic': '/cam/image'}])
def test_the_node_listens_to_the_camera_that_is_connected(perception, arguments):
    assert perception.segmentation_parameters(given(**arguments)) == {'cameras': ['camera']}


def test_a_replay_stamps_its_frames_with_the_time_of_playing(perception):
    assert perception.replay_parameters(given(replay='street', lockstep='true')) == {
        'source': 'street', 'camera': 'camera', 'rate': 1.0, 'loop': False, 'lockstep': True,
        'wait': True, 'match_timeout': 3600.0, 'stamps': 'now', 'clock': False,
        'mask_topic': 'segmentation/camera/mask'}


def test_with_use_sim_time_the_replay_is_the_clock(perception):
    parameters = perception.replay_parameters(given(
        replay='street', use_sim_time='true', replay_rate='2', camera='front'))
    assert parameters['stamps'] == 'original'
    assert parameters['clock'] is True
    assert parameters['rate'] == 2.0
    assert parameters['camera'] == 'front'
    assert parameters['mask_topic'] == 'segmentation/front/mask'


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'image_transport': 'compressed'}, 'leave out image_transport'),
    ({'replay_rate': 'fast'}, 'replay_rate must be a number')])
def test_a_replay_that_can_not_work_says_why(perception, arguments, message):
    with pytest.raises(ValueError, match=message):
        perception.replay_parameters(given(replay='street', **arguments))


# The nodes, started.

@pytest.fixture(scope='module')
def isolated():
    """Talk to nothing but what these tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(DOMAIN))
        patch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        yield


@pytest.fixture(scope='module')
def exits():
    """Collect the exit code of each process that was started."""
    return {}


@launch_pytest.fixture(scope='module')
def street(isolated, exits):
    """Start the launch file on the rendered street."""
    def note(event, context):
        exits[event.process_name] = event.returncode

    return launch.LaunchDescription([
        RegisterEventHandler(OnProcessExit(on_exit=note)),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(LAUNCH_FILE)),
            launch_arguments={
                'replay': 'street', 'replay_loop': 'true', 'lockstep': 'true', 'device': 'cpu',
            }.items()),
        launch_pytest.actions.ReadyToTest(),
    ])


@pytest.fixture(scope='module')
def planner(isolated):
    """Listen to masks and alerts, and set parameters, as another node would."""
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Planner(context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


class Planner(Node):
    """Another process's side of the node."""

    def __init__(self, context):
        super().__init__('planner', context=context)
        self.masks = []
        self.alerts = []
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self)
        self.create_subscription(
            Image, '/segmentation/camera/mask', self.masks.append, 10)
        self.create_subscription(
            DiagnosticArray, '/segmentation/camera/alerts', self.alerts.append, 10)
        self.client = self.create_client(SetParameters, '/segmentation/set_parameters')

    def spin_until(self, condition, what):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, f'{what}: not within {DEADLINE:.0f} s'
            self._executor.spin_once(timeout_sec=0.1)

    def profiles(self):
        """Return the profiles that the alerts so far were made with."""
        return [value.value for message in self.alerts for value in message.status[0].values
                if value.key == 'profile']


@installed
@pytest.mark.launch(fixture=street)
def test_masks_and_alerts_arrive(planner):
    planner.spin_until(lambda: len(planner.masks) > 3 and planner.alerts, 'masks and alerts')
    mask = planner.masks[-1]
    assert mask.encoding == 'mono8'
    assert mask.height > 0
    assert len(mask.data) == mask.height * mask.step


@installed
@pytest.mark.launch(fixture=street)
def test_the_profile_is_set_through_the_parameter_service(planner):
    planner.spin_until(planner.client.service_is_ready, 'the parameter service')
    future = planner.client.call_async(SetParameters.Request(
        parameters=[Parameter('driver_profile', value='defensive').to_parameter_msg()]))
    planner.spin_until(future.done, 'an answer')
    assert future.result().results[0].successful, future.result().results[0].reason
    planner.spin_until(lambda: 'defensive' in planner.profiles(), 'alerts under the new profile')


@installed
@pytest.mark.launch(fixture=street, shutdown=True)
def test_the_nodes_end_cleanly_on_sigint(exits):
    assert {name.rpartition('-')[0]: code for name, code in exits.items()} == {
        'segmentation': 0, 'replay': 0}
