"""The launch files: their arguments, and that they bring the nodes up, and down again."""

from contextlib import suppress
import importlib.util
import math
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

# Without the package, `launch` alone would be the repository's folder.
pytest.importorskip(
    'launch.actions', reason='launch is not installed: it comes with ROS 2 from apt')
pytest.importorskip(
    'launch_ros', reason='launch_ros is not installed: it comes with ROS 2 from apt')
pytest.importorskip(
    'launch_pytest', reason='launch_pytest is not installed: it comes with ROS 2 from apt')

from ament_index_python.packages import get_package_prefix
from ament_index_python.packages import PackageNotFoundError
from deadline import DEADLINE
from diagnostic_msgs.msg import DiagnosticArray
import launch
from launch.actions import DeclareLaunchArgument
from launch.actions import IncludeLaunchDescription
from launch.actions import RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
import launch_pytest
from pauses import pause
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from ros_domain import claim_domain
from sensor_msgs.msg import Image

FOLDER = Path(__file__).resolve().parents[2] / 'launch'
PERCEPTION = FOLDER / 'perception.launch.py'
REPLAY = FOLDER / 'replay.launch.py'
DOMAIN = claim_domain()


def _not_installed():
    """Say why the nodes cannot be started by their package's name; empty where they can."""
    try:
        prefix = Path(get_package_prefix('aim_ros'))
    except PackageNotFoundError:
        prefix = None
    if prefix is None or not (prefix / 'lib' / 'aim_ros' / 'segmentation').is_file():
        return 'aim_ros is not installed: colcon build it and source its setup file'
    return ''


installed = pytest.mark.skipif(bool(_not_installed()), reason=_not_installed())


def load(path):
    """Import a launch file."""
    spec = importlib.util.spec_from_file_location(path.name.replace('.', '_'), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def declared(path):
    """Return the arguments that a launch file declares at its top level, by name."""
    entities = load(path).generate_launch_description().entities
    return {entity.name: entity for entity in entities
            if isinstance(entity, DeclareLaunchArgument)}


# The arguments: nothing is started. What they mean: test/nodes/test_launch_parameters.py.

NODE_ARGUMENTS = {
    'model', 'device', 'engine', 'execution_providers', 'precision', 'input_size', 'input_pixels',
    'profiles_file', 'driver_profile', 'namespace', 'node_name', 'camera', 'image_topic',
    'camera_info_topic', 'image_transport', 'compressed',
    'image_reliability', 'use_sim_time', 'params_file', 'autostart', 'log_level', 'rviz'}
ARGUMENTS = {
    PERCEPTION: NODE_ARGUMENTS | {
        'respawn', 'replay', 'replay_options', 'replay_rate', 'replay_loop', 'replay_start',
        'replay_every', 'lockstep'},
    REPLAY: NODE_ARGUMENTS | {
        'source', 'options', 'rate', 'loop', 'start', 'every', 'lockstep', 'segmentation'}}
CHOICES = {
    'engine': {'', 'auto', 'torch', 'openvino', 'onnxruntime'},
    'precision': {'', 'auto', 'fp32', 'fp16', 'bf16'},
    'image_transport': {'', 'raw', 'compressed'},
    'compressed': {'', 'true', 'false'},
    'image_reliability': {'', 'best_effort', 'reliable'},
    'use_sim_time': {'', 'true', 'false'},
    'autostart': {'', 'true', 'false'},
    'log_level': {'debug', 'info', 'warn', 'error', 'fatal'},
    'lockstep': {'true', 'false'},
    'rviz': {'true', 'false'},
}


@pytest.mark.parametrize('path', ARGUMENTS, ids=lambda path: path.name)
def test_every_argument_is_declared_at_top_level_with_a_description(path):
    arguments = declared(path)
    assert set(arguments) == ARGUMENTS[path]
    for argument in arguments.values():
        # What launch puts in where there is none.
        assert argument.description not in ('', 'no description given'), argument.name


@pytest.mark.parametrize(('path', 'more'), [
    (PERCEPTION, {'replay_loop': {'true', 'false'}, 'respawn': {'true', 'false'}}),
    (REPLAY, {'loop': {'true', 'false'}, 'segmentation': {'true', 'false'}})])
def test_choices(path, more):
    assert {name: set(argument.choices) for name, argument in declared(path).items()
            if argument.choices is not None} == {**CHOICES, **more}


def test_engines_and_precisions_are_those_of_the_segmenter():
    from aim_ros.segmentation import engine
    assert CHOICES['engine'] == {'', 'auto', *engine.ENGINES}
    assert CHOICES['precision'] == {'', 'auto', *engine.PRECISIONS}


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
            PythonLaunchDescriptionSource(str(PERCEPTION)),
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
    request = SetParameters.Request(
        parameters=[Parameter('driver_profile', value='defensive').to_parameter_msg()])
    futures, asked = [], -math.inf

    def answered():
        # A server that does not know of its client yet drops its answer.
        nonlocal asked
        if time.monotonic() - asked > 3:
            futures.append(planner.client.call_async(request))
            asked = time.monotonic()
        return any(future.done() for future in futures)

    planner.spin_until(answered, 'an answer')
    result, = next(future for future in futures if future.done()).result().results
    assert result.successful, result.reason
    planner.spin_until(lambda: 'defensive' in planner.profiles(), 'alerts under the new profile')


@installed
@pytest.mark.launch(fixture=street, shutdown=True)
def test_the_nodes_end_cleanly_on_sigint(exits):
    assert {name.rpartition('-')[0]: code for name, code in exits.items()} == {
        'segmentation': 0, 'replay': 0}


# How a launch ends: as `ros2 launch` runs it, in a process of its own.

RUNNER = """
import sys
import launch
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

path, *arguments = sys.argv[1:]
service = launch.LaunchService(noninteractive=True)
service.include_launch_description(launch.LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path),
    launch_arguments=[argument.split(':=', 1) for argument in arguments])]))
sys.exit(service.run())
"""


class Launched:
    """A launch as a process, whose output is read as it comes."""

    def __init__(self, path, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, '-c', RUNNER, str(path), *arguments], text=True,
            env={**os.environ, 'PYTHONUNBUFFERED': '1'},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self._changed = threading.Condition()
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for(self, pattern, count=1):
        """Return the matches of a regular expression, once there are `count` in the output."""
        def found():
            matches = [match for line in self.lines if (match := re.search(pattern, line))]
            return matches if len(matches) >= count else None
        with self._changed:
            matches = self._changed.wait_for(found, DEADLINE)
            assert matches, '\n'.join(self.lines)
        pause()
        return matches

    def end(self):
        """Wait for the end by itself; return the exit code and the output."""
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code, '\n'.join(self.lines)


@pytest.fixture
def start(isolated):
    """Return a function that starts a launch file; what still runs at the end is ended."""
    def start(path, *arguments):
        launched.append(Launched(path, 'device:=cpu', *arguments))
        return launched[-1]
    launched = []
    yield start
    for one in launched:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(30)
        # Also what it has left behind.
        with suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()


STARTED = r'\[segmentation-\d+\]: process started with pid \[(\d+)\]'


@installed
@pytest.mark.parametrize(('path', 'arguments'), [
    (PERCEPTION, ['replay:=street:frames=3', 'lockstep:=true', 'replay_every:=2']),
    (REPLAY, ['source:=street:frames=3', 'lockstep:=true', 'every:=2', 'namespace:=car_1',
              'camera:=front', 'node_name:=segmentation_front']),
    (REPLAY, ['source:=street:frames=3,rate=1000', 'segmentation:=false', 'start:=1'])])
def test_a_replay_that_ends_well_ends_the_launch_with_0(start, path, arguments):
    code, output = start(path, *arguments).end()
    assert code == 0, output
    assert 'played 2 frames' in output
    assert ('2 masks' in output) == ('lockstep:=true' in arguments)


@installed
@pytest.mark.parametrize(('arguments', 'said'), [
    (['params_file:=/nope.yaml'], 'params_file:=/nope.yaml cannot be read'),
    (['image_topic:=/a,/b'], 'image_topic must name a topic for each camera'),
    (['replay:=street', 'respawn:=true'], 'respawn is for a live camera'),
    (['replay:=/nowhere'], "source '/nowhere' does not exist"),
    (['replay:=street', 'driver_profile:=sport'], "unknown driver profile 'sport'"),
    (['replay:=street', 'model:=/nowhere'], "there is no model '/nowhere'")])
def test_a_launch_that_cannot_work_says_why_and_fails(start, arguments, said):
    code, output = start(PERCEPTION, *arguments).end()
    assert code == 1, output
    assert said in output


@installed
@pytest.mark.parametrize('path', [PERCEPTION, REPLAY])
def test_without_rviz_nothing_is_started_that_would_be_left_behind(
        start, tmp_path, monkeypatch, path):
    # Without the packages that may be installed beside this one, such as rviz2.
    for part in ('share/ament_index/resource_index/packages/aim_ros', 'share/aim_ros',
                 'lib/aim_ros'):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).symlink_to(Path(get_package_prefix('aim_ros'), part))
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    launched = start(path, 'rviz:=true')
    assert launched.process.wait(DEADLINE) == 1, launched.lines
    with pytest.raises(ProcessLookupError):
        os.killpg(launched.process.pid, 0)
    launched.wait_for('rviz:=true needs the package rviz2')


@installed
@pytest.mark.parametrize('arguments', [
    [], ['replay:=street', 'replay_loop:=true', 'lockstep:=true']])
def test_a_node_that_is_killed_ends_the_launch_in_failure(start, arguments):
    launched = start(PERCEPTION, *arguments)
    launched.wait_for('active: /camera/image')
    os.kill(int(launched.wait_for(STARTED)[0][1]), signal.SIGKILL)
    code, output = launched.end()
    assert code == 1, output
    assert 'the segmentation node has ended with exit code -9' in output


@installed
def test_a_live_node_is_started_again_where_that_is_asked_for(start):
    launched = start(PERCEPTION, 'respawn:=true', 'namespace:=car_1')
    launched.wait_for('active: /car_1/camera/image')
    os.kill(int(launched.wait_for(STARTED)[0][1]), signal.SIGKILL)
    launched.wait_for('active: /car_1/camera/image', count=2)
    launched.process.send_signal(signal.SIGINT)
    code, output = launched.end()
    assert code == 0, output


@installed
def test_two_cameras_with_a_topic_each(start):
    launched = start(PERCEPTION, 'camera:=front,rear', 'image_topic:=/a/image,/b/image',
                     'image_reliability:=reliable')
    line, = launched.wait_for('active: .*')
    assert '/a/image' in line[0]
    assert '/b/image' in line[0]
