"""The segmentation executable as users run it: a process, ended by signals at any moment."""

from functools import partial
import signal

from camera_driver import of_stamp
import pytest

# As a hub does that does not answer: the loader never comes back.
BLOCKED = """
import sys
import threading
import transformers
from aim_ros.nodes.__main__ import segmentation

def block(*_, **__):
    print('loading for ever', flush=True)
    threading.Event().wait()

transformers.{loader}.from_pretrained = block
sys.exit(segmentation())
"""


# As on a disc that does not answer, or on cores that are busy with other work.
IMPORTING = """
import sys
import threading
from aim_ros.nodes.__main__ import {executable}

class Finder:
    def find_spec(self, name, path, target=None):
        if name == 'aim_ros.nodes.{executable}.run':
            print('importing for ever', flush=True)
            threading.Event().wait()

sys.meta_path.insert(0, Finder())
sys.exit({executable}())
"""

# As a kernel does that does not come back: busy inside torch, not waiting in Python.
HANGING = """
import sys
import torch
from aim_ros.nodes.__main__ import segmentation
from aim_ros.perception.pipeline import Pipeline

def busy(*_, **__):
    print('perceiving for ever', flush=True)
    numbers = torch.rand(500, 500)
    while True:
        numbers = (numbers @ numbers).sigmoid()

Pipeline.process = busy
sys.exit(segmentation())
"""

# As a device does whose kernel failed: each call from then on has the same error. The last STALE
# has as long as a busy machine takes.
LOST = """
import sys
import torch
from aim_ros.nodes.__main__ import segmentation
from aim_ros.nodes.segmentation import receiver
from aim_ros.nodes.segmentation import run as process
from aim_ros.segmentation.engines.torch import TorchEngine

receiver._DELIVERY_TIMEOUT = process._LOST_TIMEOUT = 300.0
run, calls = TorchEngine.__call__, []

def fail(self, pixels):
    calls.append(pixels)
    if {when}:
        raise {error}
    return run(self, pixels)

TorchEngine.__call__ = fail
sys.exit(segmentation())
"""

BLOCK = """
import threading

def block(*_):
    print('ending for ever', flush=True)
    threading.Event().wait()
"""

# What does not start, and does not end either.
ENDLESS = BLOCK + """
import sys
import rclpy
from aim_ros.nodes.__main__ import {executable} as run
from aim_ros.nodes.{executable} import node

{end} = block
sys.exit(run())
"""
ASSERTED = ("getattr(torch, 'AcceleratorError', RuntimeError)("
            "'CUDA error: device-side assert triggered')")
ILLEGAL = "RuntimeError('CUDA error: an illegal memory access was encountered')"
OUT_OF_MEMORY = "torch.cuda.OutOfMemoryError('CUDA out of memory')"
FIRST_FRAME = 'pixels.any()'  # what it is warmed up with is grey
QOS = 'qos_overrides./camera/image.subscription.reliability:=reliable'


@pytest.fixture
def start(start_process, tiny_model):
    """Return a function that starts the node's process with the tiny model."""
    return partial(
        start_process, 'segmentation', '-p', f'model:={tiny_model}', '-p', 'device:=cpu',
        '-p', 'engine:=torch', '-p', 'input_size:=[64, 96]')


def assert_quiet_end(process, number: signal.Signals) -> None:
    process.signal(number)
    assert process.wait() == 0, process.lines
    output = '\n'.join(process.lines)
    assert 'Traceback' not in output, output
    assert 'exception' not in output, output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('library', ['_multiarray_umath', 'libtorch', '_rclpy'])
def test_a_signal_while_importing(start, number, library):
    process = start()
    process.wait_for_library(library)
    assert_quiet_end(process, number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('executable', ['segmentation', 'replay'])
def test_a_signal_does_not_wait_for_imports(start_process, executable, number):
    process = start_process(executable, program=IMPORTING.format(executable=executable))
    process.wait_for_line('importing for ever')
    assert_quiet_end(process, number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('loader', ['AutoConfig', 'SegformerForSemanticSegmentation'])
def test_a_signal_while_the_model_loads(start, number, loader):
    process = start(program=BLOCKED.format(loader=loader))
    process.wait_for_line('loading for ever')
    assert_quiet_end(process, number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_active(start, number):
    process = start()
    process.wait_for_line('active: /camera/image')
    assert_quiet_end(process, number)


@pytest.mark.parametrize('count', [2, 10])
def test_a_burst_of_signals_while_active(start, ros, make_planner, count):
    process = start()
    planner = make_planner()
    ros.wait_for(planner.stale)
    for _ in range(count - 1):
        process.signal(signal.SIGINT)
    assert_quiet_end(process, signal.SIGINT)
    ros.wait_for(lambda: planner.stale()[-1].status[0].message == 'the node is not active')


# A driver with the transports that Fast DDS takes by itself, and images that they lose.
LOSSY = """
import array
import os
import time
for name in ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
    os.environ.pop(name, None)
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

rclpy.init()
node = rclpy.create_node('driver')
images = node.create_publisher(Image, 'camera/image', qos_profile_sensor_data)
image = Image(height=2000, width=3000, step=3000, encoding='mono8')
image.data = array.array('B', bytes(6_000_000))
while True:
    image.header.stamp = node.get_clock().now().to_msg()
    images.publish(image)
    time.sleep(0.05)
"""


def test_what_dds_loses_is_told_by_its_own_count(start_process, ros, make_node):
    statistics = make_node(**{
        'qos_overrides./camera/image.subscription.reliability': 'best_effort'}
    ).channels['camera'].statistics
    start_process('driver', program=LOSSY)
    share = ros.wait_for(lambda: statistics.lost_share() or statistics.count('received') > 50,
                         what='frames, or their loss')
    if share is True:
        pytest.skip('the default transports of this machine lose little')
    assert 0 < share <= 1
    assert statistics.count('lost')


def test_a_signal_while_a_frame_hangs_in_the_network(start, ros, make_planner):
    process = start('-p', QOS, program=HANGING)
    planner = make_planner()
    ros.wait_for(lambda: planner.stale() and planner.is_heard(), what='both ends to be matched')
    planner.images.publish(planner.message(1.0))
    process.wait_for_line('perceiving for ever')
    assert_quiet_end(process, signal.SIGINT)
    ros.wait_for(lambda: planner.stale()[-1].status[0].message == 'the node is not active')


def assert_ends_by_itself(process) -> None:
    """So that whoever started it starts it anew, and knows why."""
    assert process.wait() == 1, process.lines
    fatal = next(line for line in process.lines if 'the device is lost: ' in line)
    assert 'FATAL' in fatal
    assert 'CUDA error: ' in fatal
    assert 'respawn:=true' in fatal


@pytest.mark.parametrize('error', [ASSERTED, ILLEGAL])
def test_a_process_whose_device_is_lost_ends(start, ros, make_planner, error):
    process = start('-p', QOS, program=LOST.format(error=error, when=FIRST_FRAME))
    planner = make_planner()
    ros.wait_for(lambda: planner.stale() and planner.is_heard(), what='both ends to be matched')
    planner.images.publish(planner.message(1.0))
    assert_ends_by_itself(process)
    ros.wait_for(lambda: planner.stale()[-1].status[0].message.startswith(
        'the device is lost: '), what='the last STALE and its reason')


@pytest.mark.parametrize('when', ['True', 'len(calls) > 1'])
def test_a_process_whose_device_is_lost_at_its_start_ends(start, when):
    assert_ends_by_itself(start(program=LOST.format(error=ASSERTED, when=when)))


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_lost_device_keeps_it_from_ending_hides_no_loss(start, number):
    # As a driver does that does not return.
    process = start(program=BLOCK + LOST.format(error=ASSERTED, when='True').replace(
        'run, calls', 'process.SegmentationNode.end = block\nrun, calls'))
    process.wait_for_line('ending for ever')
    process.signal(number)
    assert_ends_by_itself(process)


@pytest.mark.parametrize(('executable', 'end', 'arguments'), [
    ('segmentation', 'node.SegmentationNode.end',
     ['-p', 'driver_profile:=sport', '--', '--exit-on-failure']),
    ('segmentation', 'rclpy.shutdown', ['-p', 'use_sim_time:=maybe']),
    ('replay', 'node.ReplayNode.destroy_node',
     ['-p', 'source:=street', '-p', 'wait:=true', '-p', 'match_timeout:=0.1']),
    ('replay', 'rclpy.shutdown', ['-p', 'use_sim_time:=maybe']),
    ('replay', 'rclpy.shutdown', ['-p', 'source:=/nowhere'])])
def test_a_signal_while_what_failed_ends_hides_no_failure(
        start_process, executable, end, arguments):
    program = ENDLESS.format(executable=executable, end=end)
    process = start_process(executable, *arguments, program=program)
    process.wait_for_line('ending for ever')
    process.signal(signal.SIGTERM)
    assert process.wait() == 1, process.lines


def test_a_process_that_is_out_of_memory_goes_on(start, ros, make_planner):
    program = LOST.format(
        error=OUT_OF_MEMORY, when=f'{FIRST_FRAME} and not hasattr(fail, "failed") '
        'and not setattr(fail, "failed", True)')
    process = start('-p', QOS, program=program)
    planner = make_planner()
    ros.wait_for(lambda: planner.stale() and planner.is_heard() and all(
        end.get_publisher_count() for end in planner.listening), what='both ends to be matched')
    planner.images.publish(planner.message(1.0))
    process.wait_for_line('a frame was lost: OutOfMemoryError: CUDA out of memory')
    planner.images.publish(planner.message(2.0))
    ros.wait_for(lambda: of_stamp(planner.alerts, 2_000_000_000))
    assert_quiet_end(process, signal.SIGINT)


def test_a_signal_after_a_failed_autostart(start):
    process = start('-p', 'driver_profile:=sport')
    process.wait_for_line('autostart failed')
    assert_quiet_end(process, signal.SIGINT)


def test_a_failed_autostart_ends_the_process_where_nothing_goes_on_without_it(start):
    process = start('-p', 'driver_profile:=sport', '--', '--exit-on-failure')
    assert process.wait() == 1, process.lines
    failed, = (line for line in process.lines if 'autostart failed' in line)
    # What is about to end cannot be configured.
    assert failed.endswith('The node ends: mend that, and start it again')
    assert 'lifecycle' not in failed
    assert not any('Traceback' in line for line in process.lines)


def test_a_planner_hears_a_last_stale(start, ros, make_planner):
    process = start()
    planner = make_planner()
    # No camera is there: what arrives shows that both ends are matched.
    ros.wait_for(planner.stale)
    assert_quiet_end(process, signal.SIGTERM)
    ros.wait_for(lambda: planner.stale()[-1].status[0].message == 'the node is not active')


def test_bad_parameters_on_the_command_line_end_in_one_sentence(start):
    process = start('-p', 'focus.sigma:=strong', '-p', 'focus.classes:=[]')
    process.wait_for_line('autostart failed')
    fatal, = (line for line in process.lines if 'FATAL' in line)
    assert "focus.sigma must be a number, got 'strong'" in fatal
    assert_quiet_end(process, signal.SIGINT)
