"""The parameters of the segmentation node: one row each."""

from functools import partial
import math
import re

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.modulation import SAMPLINGS
from aim_ros.nodes.parameter_row import FLOATS
from aim_ros.nodes.parameter_row import INTEGERS
from aim_ros.nodes.parameter_row import Row
from aim_ros.nodes.parameter_row import STRINGS
from aim_ros.perception.defaults import DRIVER_MAY
from aim_ros.perception.defaults import REQUIRED_CLASSES
from aim_ros.perception.labelled_points import POINT_IDS
from aim_ros.perception.ranges import RANGES
from aim_ros.perception.settings import DRIVABLE
from aim_ros.perception.settings import HEIGHTS
from aim_ros.perception.settings import MOST_CELLS
from aim_ros.perception.settings import Mount
from aim_ros.perception.settings import OutputSettings
from aim_ros.perception.settings import PITCHES
from aim_ros.perception.transforms import RigidTransform
from aim_ros.segmentation.engine import ENGINES
from aim_ros.segmentation.engine import PRECISIONS
from aim_ros.segmentation.shape import INPUT_PIXELS

_LONGEST_NAME = 64
"""Characters of a camera's name: a topic's are limited, and it has others before and after."""


def _check_cameras(names: tuple[str, ...]) -> None:
    """Raise ValueError unless each name can be the start of topic and parameter names."""
    if not names or len(set(names)) < len(names) or not all(
            re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name) and len(name) <= _LONGEST_NAME
            for name in names):
        raise ValueError(
            'cameras must be one or more different names of letters, digits and _, each starting '
            f'with a letter and of {_LONGEST_NAME} characters at most; got {list(names)}')


def _check_input_size(size: tuple[int, ...]) -> None:
    """Raise ValueError unless this is a size that SegFormer can take, or none."""
    if len(size) not in (0, 2):
        raise ValueError(f'input_size must be empty or [height, width], got {list(size)}')
    if min(size, default=_LEAST) < _LEAST:
        raise ValueError(
            f'input_size must be [height, width] of at least {_LEAST} pixels each, got '
            f'{list(size)}')
    if math.prod(size) > _MOST:
        raise ValueError(f'input_size must be [height, width] of at most {_MOST} pixels together, '
                         f'got {list(size)}')


def _check_transform(name: str, values: tuple[float, ...]) -> None:
    """Raise ValueError unless this is a translation and a rotation, or nothing."""
    if not values:
        return
    try:
        if len(values) != 7:
            raise ValueError(f'{len(values)} numbers')
        RigidTransform.of(values[:3], values[3:]).on_vehicle()
    except ValueError as error:
        raise ValueError(
            f'{name} must be empty or [x, y, z, qx, qy, qz, qw], metres and a quaternion '
            'of length 1, as "ros2 run tf2_ros tf2_echo <camera frame> <cloud frame>" prints '
            f'them; got {list(values)}') from error


_LEAST = 32
"""Pixels of the network's input that become one at the end of its encoder."""

_MOST = 4096 * 4096
"""Pixels of the network's input: more than any camera has, and than most memories hold."""

_ALERTS = AlertSettings(())
_OUTPUTS = OutputSettings()
_RANGES = {name: {'low': low, 'high': high} for name, (low, high) in RANGES.items()}
_HEIGHT = {'read_only': True, 'low': HEIGHTS[0], 'high': HEIGHTS[1]}
_PITCH = {'read_only': True, 'low': PITCHES[0], 'high': PITCHES[1]}
_TRANSPORT = {'read_only': True, 'choices': ('raw', 'compressed')}

TABLE: tuple[Row, ...] = (
    Row('autostart', bool, True,
        'Configure and activate the node at start.', read_only=True),
    Row('model', str, 'segformer-b0-street',
        'Network: the folder of a checkpoint, the name of a shipped one, a hub id, or an ONNX '
        'file that "export" wrote.',
        read_only=True),
    Row('device', str, 'auto',
        'Where the network runs: auto (CUDA where there is one), cpu, cuda, cuda:N, or '
        "openvino:NAME for OpenVINO's device of that name, such as openvino:GPU.",
        read_only=True),
    Row('engine', str, 'auto',
        'What runs the network: auto is torch on CUDA, on the CPU OpenVINO where it is installed '
        'and has the network, and ONNX Runtime for ONNX files.',
        read_only=True, choices=('auto', *ENGINES)),
    Row('execution_providers', STRINGS, (),
        'Execution providers of ONNX Runtime, the most wanted first: tensorrt, cuda, openvino, '
        'cpu. Empty is cpu, or cuda and cpu on a CUDA device.', read_only=True),
    Row('precision', str, 'auto',
        'Floating point type of the network: auto is fp16 on CUDA, else fp32.',
        read_only=True, choices=('auto', *PRECISIONS)),
    Row('input_size', INTEGERS, (),
        "Height and width of the network's input in pixels; empty is the aspect ratio of each "
        'camera at input_pixels, known with its first image.',
        read_only=True, check=_check_input_size),
    Row('input_pixels', int, INPUT_PIXELS,
        "About how many pixels the network's input has where input_size is empty.",
        read_only=True, low=_LEAST**2, high=_MOST),
    Row('cameras', STRINGS, ('camera',),
        'Names of the cameras; each is subscribed to as <camera>/image.', read_only=True,
        check=_check_cameras),
    Row('camera_height', float, Mount().height,
        'Height of the cameras above the road in metres, for distances; <camera>.height is that '
        'of one of them.', **_HEIGHT),
    Row('camera_pitch', float, Mount().pitch,
        'Downward tilt of the cameras in radians, for distances and times to contact; '
        '<camera>.pitch is that of one of them.', **_PITCH),
    Row('image_transport', str, 'raw',
        'Which topics are subscribed to: <camera>/image, or <camera>/image/compressed; '
        '<camera>.image_transport is for one of them.', **_TRANSPORT),
    Row('profiles_file', str, '',
        'YAML file of driver profiles; empty takes the one that ships.', read_only=True),
    Row('seed', int, 0, 'Seed of all noise.', read_only=True, low=0, high=2**31 - 1),
    Row('utility.sigma', float, 0.0,
        "The owner's utility modulation: standard deviation, in logits, of noise on every class. "
        'Above 0 the masks are degraded on purpose; alerts are not.',
        read_only=True, low=0.0, high=20.0),
    Row('driver_profile', str, 'neutral',
        'The driver profile in force; setting it sets all that it says. It reads custom while '
        'the values are those of no profile.'),
    Row('focus.classes', STRINGS, (),
        'Class names or roles (people, two_wheelers, vehicles, signals, greenery) that get more '
        'attention.'),
    Row('focus.suppress_classes', STRINGS, (),
        'Class names or roles that get less attention; one that is in both lists is left alone. '
        'Alerts do not lose them.'),
    Row('focus.sigma', float, 0.0,
        'Strength of focus modulation: standard deviation of its noise, in logits.',
        **_RANGES['focus.sigma']),
    Row('focus.sampling', str, 'expected',
        'expected shifts the targets by the mean of the noise, without flicker; pixel draws '
        'the noise for each pixel; gated is the expected shift, only next to what the '
        'unmodulated model gives to a focus class.', choices=SAMPLINGS),
    Row('focus.max_changed', float, 1.0,
        "Share of a frame's pixels that focus modulation may be expected to change: a frame that "
        'would exceed it gets a smaller sigma. 1 is no limit.', **_RANGES['focus.max_changed']),
    Row('alerts.required_classes', STRINGS, REQUIRED_CLASSES,
        "The owner's: class names or roles that are always alerted.", read_only=True),
    Row('alerts.classes', STRINGS, (),
        'Class names or roles that are alerted besides the required ones, and besides those that '
        'it names at start: these stay alerted.'),
    Row('alerts.min_area', int, _ALERTS.min_area,
        'Smallest region that is alerted, in pixels of the camera image.',
        **_RANGES['alerts.min_area'], driver_may=DRIVER_MAY['alerts.min_area']),
    Row('alerts.raise_after', float, _ALERTS.raise_after,
        'Seconds of header stamp for which a track is seen before it is raised. One that is '
        'near and in the corridor is raised at once on strong evidence.',
        **_RANGES['alerts.raise_after'], driver_may=DRIVER_MAY['alerts.raise_after']),
    Row('alerts.clear_after', float, _ALERTS.clear_after,
        'Seconds of header stamp unseen after which a track is cleared.',
        **_RANGES['alerts.clear_after'], driver_may=DRIVER_MAY['alerts.clear_after']),
    Row('alerts.stale_after', float, 0.7,
        'Seconds on a steady clock without an answered frame after which the level is STALE; '
        'short of the deadline of a second that the alerts offer.',
        low=0.1, high=0.8, driver_may=DRIVER_MAY['alerts.stale_after']),
    Row('alerts.max_age', float, 0.0,
        "The owner's: seconds from an image's header stamp, on the node's clock, after which it "
        'is too old to act on, and the level becomes STALE. One that is older when it comes is '
        'refused, and so is one whose stamp is as far ahead; one that becomes older in the node '
        'is dropped (frames_outdated). 0 is no limit, as a recording with its original stamps '
        'needs.',
        read_only=True, low=0.0, high=60.0),
    Row('alerts.near_m', float, _ALERTS.near_m,
        'Distance in metres below which a track is near, where there is a CameraInfo.',
        **_RANGES['alerts.near_m'], driver_may=DRIVER_MAY['alerts.near_m']),
    Row('alerts.near_row', float, _ALERTS.near_row,
        'Image row, from 0 at the top to 1, below which a foot is near without a CameraInfo.',
        **_RANGES['alerts.near_row'], driver_may=DRIVER_MAY['alerts.near_row']),
    Row('alerts.corridor.top_row', float, _ALERTS.corridor.top_row,
        "Row of the ego corridor's upper edge, from 0 at the top to 1.",
        low=0.0, high=1.0, driver_may=DRIVER_MAY['alerts.corridor.top_row']),
    Row('alerts.corridor.top_width', float, _ALERTS.corridor.top_width,
        "Width of the ego corridor's upper edge as a share of the image's.",
        low=0.0, high=2.0, driver_may=DRIVER_MAY['alerts.corridor.top_width']),
    Row('alerts.corridor.bottom_width', float, _ALERTS.corridor.bottom_width,
        "Width of the ego corridor at the image's lower edge as a share of the image's; at "
        'least that of the upper edge.',
        low=0.0, high=4.0, driver_may=DRIVER_MAY['alerts.corridor.bottom_width']),
    Row('alerts.corridor.center', float, _ALERTS.corridor.center,
        "Column of the ego corridor's axis, from 0 at the left to 1.",
        read_only=True, low=0.0, high=1.0),
    Row('free_space.classes', STRINGS, DRIVABLE,
        'Class names or roles of the ground that free_space and occupancy take to be free.',
        read_only=True),
    Row('free_space.max_range', float, _OUTPUTS.max_range,
        'Metres ahead beyond which free_space and occupancy say nothing.',
        read_only=True, low=1.0, high=200.0),
    Row('free_space.cell_size', float, _OUTPUTS.cell_size,
        f'Side of a cell of occupancy in metres; at most {MOST_CELLS} cells reach '
        'free_space.max_range.', read_only=True, low=0.02, high=5.0),
    Row('points.class_ids', str, _OUTPUTS.point_ids,
        'What class_id in points is: mask is the id in the mask; autoware is the one of '
        "autoware::point_types::PointCloudClassification, which Autoware's clustering of 2026 on "
        'takes; older ones map ids themselves.',
        read_only=True, choices=POINT_IDS),
)


def camera_rows(camera: str, general: Mount, transport: str) -> tuple[Row, ...]:
    """
    Return the rows that each camera has of its own.

    :param general: what every camera takes that is given nothing else; `transport` likewise. Their
        parameters have no dot in their names, so that a camera may have any name.
    """
    return (
        Row(f'{camera}.height', float, general.height,
            f'Height of {camera} above the road in metres; left out, camera_height.', **_HEIGHT),
        Row(f'{camera}.pitch', float, general.pitch,
            f'Downward tilt of {camera} in radians; left out, camera_pitch.', **_PITCH),
        Row(f'{camera}.image_transport', str, transport,
            f'Whether {camera}/image or {camera}/image/compressed is subscribed to; left out, '
            'image_transport.', **_TRANSPORT),
        Row(f'{camera}.points.transform', FLOATS, (),
            f'Where the frame of {camera}/points_in is, seen from the camera: [x, y, z, qx, qy, '
            'qz, qw], as tf2_echo prints it from the camera frame to the cloud frame; empty takes '
            '/tf_static.', read_only=True,
            check=partial(_check_transform, f'{camera}.points.transform')),
    )
