"""The typed twins of the alerts, in vision_msgs' own messages or stand-ins for them."""

from collections.abc import Callable
import importlib
import importlib.util
import sys

from builtin_interfaces.msg import Time
import pytest
from std_msgs.msg import Header
import vision_msgs_stand_in

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.segmentation.labels import CITYSCAPES

HEADER = Header(stamp=Time(sec=3, nanosec=5), frame_id='front')
INSTALLED = importlib.util.find_spec('vision_msgs') is not None
MODULES = [name for name in ('aim_ros.nodes.messages.conversions', 'aim_ros.nodes.messages.alerts')
           if importlib.util.find_spec(name)]

ALERT = Alert(track_id=7, kind='cyclist', level=Level.WARN, box=(10, 20, 30, 40), class_id=11,
              area=500, confidence=0.75)


@pytest.fixture(params=['stand-in', 'real'])
def function(request, monkeypatch) -> Callable:
    """Return a function that gives one of the package's, imported with vision_msgs there."""
    if request.param == 'real' and not INSTALLED:
        pytest.skip('vision_msgs is not installed')
    if request.param == 'stand-in':
        for name, module in vision_msgs_stand_in.modules().items():
            monkeypatch.setitem(sys.modules, name, module)
        # Imported anew for this test alone: what is there was imported without.
        for name in MODULES:
            monkeypatch.delitem(sys.modules, name, raising=False)
    imported = [importlib.import_module(name) for name in MODULES]

    def find(name: str) -> Callable:
        return next(getattr(module, name) for module in imported if hasattr(module, name))
    return find


@pytest.fixture(autouse=True)
def restored():
    """Leave the modules to the other tests as they were."""
    before = {name: sys.modules.get(name) for name in MODULES}
    yield
    for name, module in before.items():
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module
            setattr(sys.modules['aim_ros.nodes'], name.rpartition('.')[2], module)


def hypotheses(detection) -> list[tuple[str, float]]:
    """Return what a detection is, and how surely."""
    return [(result.hypothesis.class_id, result.hypothesis.score) for result in detection.results]


def test_a_detection_is_an_alert_by_id_class_kind_and_box(function):
    message = function('detections_message')([ALERT, ALERT], HEADER)
    assert len(message.detections) == 2
    detection = message.detections[0]
    assert message.header == detection.header == HEADER
    assert detection.id == '7'
    assert (detection.bbox.center.position.x, detection.bbox.center.position.y) == (25, 40)
    assert (detection.bbox.size_x, detection.bbox.size_y) == (30, 40)
    assert hypotheses(detection) == [('11', 0.75), ('cyclist', 0.75)]


def test_a_detection_says_that_it_is_predicted_or_seen_by_modulation_alone(function):
    alerts = [ALERT._replace(coasting=True), ALERT._replace(emphasised=True)]
    coasting, emphasised = function('detections_message')(alerts, HEADER).detections
    assert hypotheses(coasting)[2:] == [('coasting', 0.75)]
    assert hypotheses(emphasised)[2:] == [('emphasised', 0.75)]


@pytest.mark.parametrize('confidence', [0.0, 0.25, 1.0])
def test_whoever_takes_the_first_or_the_best_hypothesis_has_the_class(function, confidence):
    alert = ALERT._replace(confidence=confidence, coasting=True, emphasised=True)
    detection, = function('detections_message')([alert], HEADER).detections
    best = max(hypotheses(detection), key=lambda hypothesis: hypothesis[1])
    assert best == hypotheses(detection)[0] == ('11', confidence)


def test_a_detection_says_where_on_the_ground_it_is(function):
    ground = GroundCamera(fx=100, fy=100, cx=49.5, cy=19.5, height=1.6, pitch=0.1)
    detection, = function('detections_message')([ALERT], HEADER, ground).detections
    assert detection.header == Header(stamp=HEADER.stamp, frame_id='front_ground')
    place = ground.place(ALERT.box)
    for pose in (result.pose for result in detection.results):
        assert (pose.pose.position.x, pose.pose.position.y) == (place.x, place.y)
        assert (pose.covariance[0], pose.covariance[7]) == (place.x_error**2, place.y_error**2)


def test_a_detection_above_the_horizon_is_nowhere_on_the_ground(function):
    ground = GroundCamera(fx=100, fy=100, cx=49.5, cy=190, height=1.6)
    detection, = function('detections_message')([ALERT], HEADER, ground).detections
    assert detection.header == HEADER
    assert not detection.results[0].pose.covariance.any()


def test_no_alert_is_no_detection(function):
    assert list(function('detections_message')([], HEADER).detections) == []


def test_the_label_info_names_every_class(function):
    message = function('label_info_message')(CITYSCAPES, HEADER)
    assert message.header == HEADER
    assert [(c.class_id, c.class_name) for c in message.class_map] == list(
        enumerate(CITYSCAPES.names))


@pytest.mark.skipif(not INSTALLED, reason='vision_msgs is not installed')
@pytest.mark.parametrize('stand_in', vision_msgs_stand_in.MESSAGES, ids=lambda m: m.__name__)
def test_the_stand_ins_have_fields_of_the_real_messages(stand_in):
    real = getattr(importlib.import_module('vision_msgs.msg'), stand_in.__name__)()
    assert {spec.name for spec in vision_msgs_stand_in.fields(stand_in)} <= set(
        real.get_fields_and_field_types())


def test_the_stand_ins_refuse_what_the_real_messages_do():
    message = vision_msgs_stand_in.BoundingBox2D()
    with pytest.raises(TypeError, match=r'size_x is a float, got 3'):
        message.size_x = 3
    with pytest.raises(AttributeError, match='has no field width'):
        message.width = 3.0
