"""What the launch files' arguments mean for the nodes; nothing is started."""

import os

import odd_values
import pytest
import rclpy
from rclpy.node import Node

from aim_ros.nodes.launching.parameters import cameras
from aim_ros.nodes.launching.parameters import CameraTopics
from aim_ros.nodes.launching.parameters import check_params_file
from aim_ros.nodes.launching.parameters import check_rviz
from aim_ros.nodes.launching.parameters import input_size
from aim_ros.nodes.launching.parameters import node_name
from aim_ros.nodes.launching.parameters import remappings
from aim_ros.nodes.launching.parameters import replay_parameters
from aim_ros.nodes.launching.parameters import rviz_remappings
from aim_ros.nodes.launching.parameters import segmentation_parameters
from aim_ros.resources import share_directory

EMPTY = (
    'model', 'device', 'engine', 'execution_providers', 'precision', 'input_size',
    'input_pixels', 'profiles_file', 'driver_profile', 'namespace',
    'camera', 'image_topic', 'camera_info_topic', 'image_transport', 'compressed',
    'image_reliability', 'use_sim_time', 'autostart', 'replay', 'replay_options')
DEFAULTS = {**dict.fromkeys(EMPTY, ''), 'replay_rate': '1.0', 'replay_loop': 'false',
            'replay_start': '0', 'replay_every': '1', 'lockstep': 'false', 'respawn': 'false',
            'node_name': 'segmentation'}


def given(**arguments):
    """Return the value of each argument, the default where it is not given."""
    assert not set(arguments) - set(DEFAULTS)
    return {**DEFAULTS, **arguments}


# Cameras and their topics.

def test_image_topic_gives_the_three_inputs():
    assert remappings(given(camera='front', image_topic='/sensing/cam0/image_raw')) == [
        ('front/image', '/sensing/cam0/image_raw'),
        ('front/image/compressed', '/sensing/cam0/image_raw/compressed'),
        ('front/camera_info', '/sensing/cam0/camera_info')]


@pytest.mark.parametrize(('topic', 'info'), [
    ('picture', 'camera_info'), ('/picture', '/camera_info')])
def test_the_calibration_stands_beside_the_image(topic, info):
    assert remappings(given(image_topic=topic))[-1] == ('camera/camera_info', info)


def test_the_calibration_may_have_a_topic_of_its_own():
    assert remappings(given(camera='front', camera_info_topic='/calibration')) == [
        ('front/camera_info', '/calibration')]
    assert remappings(given(image_topic='/a/image', camera_info_topic='/b/info'))[-1] == (
        'camera/camera_info', '/b/info')


@pytest.mark.parametrize(('names', 'topics'), [
    ('front,rear', '/f/image,/r/image'), ('[front, rear]', "['/f/image', '/r/image']")])
def test_several_cameras_with_a_topic_each(names, topics):
    arguments = given(camera=names, image_topic=topics)
    assert cameras(arguments) == [
        CameraTopics('front', '/f/image'), CameraTopics('rear', '/r/image')]
    assert remappings(arguments)[3:] == [
        ('rear/image', '/r/image'), ('rear/image/compressed', '/r/image/compressed'),
        ('rear/camera_info', '/r/camera_info')]
    assert segmentation_parameters(arguments) == {'cameras': ['front', 'rear']}


@pytest.mark.parametrize('arguments', [
    {'camera': 'front,rear', 'image_topic': '/f/image'},
    {'image_topic': '/f/image,/r/image'},
    {'camera': 'front', 'camera_info_topic': '/a,/b'}])
def test_each_camera_needs_its_topic(arguments):
    with pytest.raises(ValueError, match='must name a topic for each camera, as in camera:='):
        cameras(given(**arguments))


@pytest.mark.parametrize(('camera', 'message'), [
    ('front,', 'names with commas between them'), ('front,front', 'one camera twice')])
def test_names_that_are_no_cameras(camera, message):
    with pytest.raises(ValueError, match=message):
        cameras(given(camera=camera))


def test_image_topic_is_the_raw_one():
    with pytest.raises(ValueError, match='image_topic:=/cam/image image_transport:=compressed'):
        remappings(given(image_topic='/cam/image/compressed'))


@pytest.mark.parametrize(('arguments', 'topic'), [
    ({}, '/camera/image'),
    ({'compressed': 'true'}, '/camera/image/compressed'),
    ({'image_topic': '/cam/raw', 'image_transport': 'compressed'}, '/cam/raw/compressed'),
    ({'namespace': 'car_1'}, '/car_1/camera/image'),
    ({'namespace': '/fleet/car_1/', 'image_topic': 'raw'}, '/fleet/car_1/raw'),
    ({'namespace': 'car_1', 'image_topic': '/cam/raw'}, '/cam/raw')])
def test_reliability_is_set_for_the_topic_that_is_subscribed_to(arguments, topic):
    parameters = segmentation_parameters(given(image_reliability='reliable', **arguments))
    assert parameters[f'qos_overrides.{topic}.subscription.reliability'] == 'reliable'


@pytest.mark.parametrize(('arguments', 'transport'), [
    ({'compressed': 'true'}, 'compressed'), ({'compressed': 'false'}, 'raw'),
    ({'image_transport': 'compressed'}, 'compressed'),
    ({'image_transport': 'compressed', 'compressed': 'true'}, 'compressed')])
def test_compressed_is_short_for_the_transport(arguments, transport):
    assert segmentation_parameters(given(**arguments)) == {'image_transport': transport}


def test_compressed_may_not_contradict_the_transport():
    with pytest.raises(ValueError, match='compressed:=true contradicts image_transport:=raw'):
        segmentation_parameters(given(compressed='true', image_transport='raw'))


# The segmentation node.

@pytest.mark.parametrize('text', ['192,640', '[192, 640]', ' 192 , 640 '])
def test_input_size(text):
    assert input_size(text) == [192, 640]


@pytest.mark.parametrize('text', ['192', '192x640', '192,640,3', 'a,b', '1.5,2'])
def test_a_wrong_input_size_says_what_is_right(text):
    with pytest.raises(ValueError, match='height and width, as in 192,640'):
        input_size(text)


def test_a_wrong_number_of_pixels_says_what_is_right():
    with pytest.raises(ValueError, match='input_pixels must be a number of pixels'):
        segmentation_parameters(given(input_pixels='many'))


def test_what_is_not_given_is_left_to_the_parameter_file():
    assert segmentation_parameters(given()) == {}
    assert remappings(given()) == []


def test_what_is_given_overrides_the_parameter_file():
    assert segmentation_parameters(given(
        model='12', device='cpu', input_size='192,640', camera='front', driver_profile='city',
        autostart='false', use_sim_time='true', engine='onnxruntime', input_pixels='100000',
        execution_providers='tensorrt, cpu')) == {
            'model': '12', 'device': 'cpu', 'input_size': [192, 640], 'cameras': ['front'],
            'engine': 'onnxruntime', 'input_pixels': 100000,
            'execution_providers': ['tensorrt', 'cpu'], 'driver_profile': 'city',
            'autostart': False, 'use_sim_time': True}


@pytest.mark.parametrize('arguments', [
    {'replay': 'street'}, {'image_topic': '/cam/image'}, {'camera_info_topic': '/cam/info'}])
def test_the_node_listens_to_the_camera_that_is_connected(arguments):
    assert segmentation_parameters(given(**arguments)) == {'cameras': ['camera']}


# The replay node.

def test_a_replay_stamps_its_frames_with_the_time_of_playing():
    assert replay_parameters(given(replay='street', lockstep='true')) == {
        'source': 'street', 'options': '', 'camera': 'camera', 'rate': 1.0, 'loop': False,
        'start': 0, 'every': 1, 'lockstep': True, 'wait': True, 'match_timeout': 3600.0,
        'stamps': 'now', 'clock': False, 'mask_topic': 'segmentation/camera/mask'}


def test_with_use_sim_time_the_replay_is_the_clock():
    parameters = replay_parameters(given(
        replay='bag', replay_options='topic=/cam', use_sim_time='true', replay_rate='2',
        replay_start='5', replay_every='3', camera='front'))
    assert parameters['stamps'] == 'original'
    assert parameters['clock'] is True
    assert (parameters['rate'], parameters['start'], parameters['every']) == (2.0, 5, 3)
    assert (parameters['camera'], parameters['options']) == ('front', 'topic=/cam')
    assert parameters['mask_topic'] == 'segmentation/front/mask'


@pytest.mark.parametrize(('arguments', 'message'), [
    ({'image_transport': 'compressed'}, 'leave out image_transport'),
    ({'compressed': 'true'}, 'leave out image_transport'),
    ({'respawn': 'true'}, 'respawn is for a live camera'),
    ({'camera': 'front,rear'}, 'plays one camera'),
    ({'replay_rate': 'fast'}, 'rate must be a number, 0 or more'),
    ({'replay_rate': 'nan'}, 'rate must be a number'),
    ({'replay_rate': '-1'}, 'rate must be a number, 0 or more'),
    ({'replay_start': '1.5'}, 'start must be an integer, 0 or more'),
    ({'replay_every': '0'}, 'every must be an integer, 1 or more')])
def test_a_replay_that_cannot_work_says_why(arguments, message):
    with pytest.raises(ValueError, match=message):
        replay_parameters(given(replay='street', **arguments))


# The parameter file, which may hold the owner's limits.

@pytest.mark.parametrize(('head', 'namespace'), [
    ('/**', ''), ('/**', 'car_1'), ('segmentation', ''), ('/segmentation', ''), ('/*', ''),
    ('/car_1/segmentation', 'car_1'), ('/*/segmentation', 'car_1'), ('/**/segmentation', 'a/b'),
    ('/**/segmentation', ''), ('/*/**', ''), ('/segmentation/**', ''), ('/car_1/**', 'car_1'),
    ('/car_1/**/segmentation', 'car_1'), ('/**/b/*', 'a/b'), ('/**/*', ''),
    ('car_1:\n  segmentation', 'car_1')])
def test_a_parameter_file_for_the_node_is_taken(tmp_path, head, namespace):
    path = tmp_path / 'params.yaml'
    indent = '    ' if '\n' in head else '  '
    path.write_text(f'{head}:\n{indent}ros__parameters: {{device: cpu}}\n')
    check_params_file(str(path), namespace, 'segmentation')


HEADS = ('/**', '/*', '/*/*', '/**/*', '/*/**', '/**/**', 'segmentation', '/**/segmentation',
         '/*/segmentation', '/segmentation/**', '/a/**', '/a/*', '/a/**/segmentation',
         '/a/*/segmentation', '/**/b/*', 'a/b/segmentation', '/b/**')


@pytest.mark.parametrize('namespace', ['', 'a', 'a/b', 'a/c/b', 'segmentation'])
@pytest.mark.parametrize('head', HEADS)
def test_a_parameter_file_is_for_the_nodes_to_which_rcl_gives_it(tmp_path, head, namespace):
    path = tmp_path / 'params.yaml'
    path.write_text(f'{head}:\n  ros__parameters: {{device: cpu}}\n')
    context = rclpy.Context()
    context.init(['--ros-args', '--params-file', str(path)])
    try:
        node = Node('segmentation', namespace=namespace, context=context, enable_rosout=False,
                    start_parameter_services=False,
                    automatically_declare_parameters_from_overrides=True)
        applied = node.has_parameter('device')
        node.destroy_node()
    finally:
        context.shutdown()
    try:
        check_params_file(str(path), namespace, 'segmentation')
    except ValueError:
        assert not applied
    else:
        assert applied


def test_the_parameter_file_that_ships_is_taken():
    check_params_file(str(share_directory() / 'config' / 'perception.yaml'), '', 'segmentation')


@pytest.mark.parametrize(('text', 'message'), [
    (None, 'cannot be read: No such file or directory'),
    ('a: [', 'is no YAML'),
    ('a: !!bool maybe', 'is no YAML'),
    ('a: !!timestamp noon', 'is no YAML'),
    ('', 'has no parameters for /segmentation; it has some for no node'),
    ('device: cpu', 'has no parameters for /segmentation'),
    ('/**:\n  device: cpu', 'has no parameters for /segmentation'),
    ('/perception:\n  ros__parameters: {device: cpu}', 'it has some for /perception'),
    ('/*/segmentation:\n  ros__parameters: {device: cpu}', r'it has some for /\*/segmentation'),
    ('/car_1/segmentation:\n  ros__parameters: {a: 1}', 'it has some for /car_1/segmentation')])
def test_a_parameter_file_that_would_change_nothing_is_an_error(tmp_path, text, message):
    path = tmp_path / 'params.yaml'
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        check_params_file(str(path), '', 'segmentation')


@pytest.mark.parametrize('where', ['{}', '/**:\n  ros__parameters:\n    a: {}'])
@pytest.mark.parametrize('value', odd_values.YAML.values(), ids=odd_values.YAML)
def test_a_parameter_file_that_no_program_should_go_on_with(tmp_path, value, where):
    path = tmp_path / 'params.yaml'
    path.write_text(where.format(value))
    with pytest.raises(ValueError, match=rf'^params_file:={path} (is|has|stands) ') as caught:
        check_params_file(str(path), '', 'segmentation')
    assert len(str(caught.value)) < 500 + len(str(path))
    assert '\n' not in str(caught.value)


def test_a_parameter_file_that_is_no_text(tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_bytes(b'\xff\xfe\xfd')
    with pytest.raises(ValueError, match=r'is no YAML: .*utf-8'):
        check_params_file(str(path), '', 'segmentation')


def test_a_folder_is_no_parameter_file(tmp_path):
    with pytest.raises(ValueError, match='cannot be read: Is a directory'):
        check_params_file(str(tmp_path), '', 'segmentation')


def test_a_pipe_is_no_parameter_file(tmp_path):
    """The launch would take its text, and leave none to the node."""
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ValueError, match='cannot be read: it is a pipe, a device or a socket'):
        check_params_file(str(tmp_path / 'pipe'), '', 'segmentation')


# Several nodes in one namespace.

def test_a_replay_waits_for_the_masks_of_the_node_by_its_name():
    assert replay_parameters(given(replay='street', node_name='rear'))['mask_topic'] == (
        'rear/camera/mask')


def test_a_parameter_file_is_to_be_for_the_node_by_its_name(tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text('rear:\n  ros__parameters: {device: cpu}\n')
    check_params_file(str(path), '', 'rear')
    with pytest.raises(ValueError, match='has no parameters for /front; it has some for /rear'):
        check_params_file(str(path), '', 'front')


@pytest.mark.parametrize('name', ['', '1st', 'a/b', 'a b', 'a-b', 'größe'])
def test_a_name_that_no_node_can_have_is_refused(name):
    with pytest.raises(ValueError, match='node_name must be letters, digits and underscores'):
        node_name(given(node_name=name))


# RViz, whose file has the topics of a camera "camera" in the root.

def test_rviz_needs_no_remapping_where_the_names_are_those_of_its_file():
    assert rviz_remappings(given()) == []
    assert rviz_remappings(given(replay='street')) == []


def test_rviz_shows_the_topics_of_the_launch():
    assert rviz_remappings(given(
        namespace='car_1', camera='front,rear', image_topic='/cam0/image,/cam1/image')) == [
            ('/camera/image', '/cam0/image'),
            *((f'/segmentation/camera/{topic}', f'/car_1/segmentation/front/{topic}')
              for topic in ('overlay', 'mask', 'occupancy', 'free_space', 'points'))]
    assert rviz_remappings(given(camera='front'))[0] == ('/camera/image', '/front/image')
    assert rviz_remappings(given(node_name='rear'))[0] == (
        '/segmentation/camera/overlay', '/rear/camera/overlay')


def test_rviz_is_looked_for_before_anything_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    with pytest.raises(ValueError, match='rviz:=true needs the package rviz2, which is not inst'):
        check_rviz()
    index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'rviz2').touch()
    program = tmp_path / 'lib' / 'rviz2' / 'rviz2'
    with pytest.raises(ValueError, match='lib/rviz2/rviz2, which is not there or cannot be run'):
        check_rviz()
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    check_rviz()
