"""The layouts for RViz and Foxglove: topics that are there, of types that their panels show."""

from importlib import import_module
import json
import re

import pytest
from rclpy.qos import qos_check_compatible
from rclpy.qos import QoSCompatibility
from rclpy.qos import QoSDurabilityPolicy
from rclpy.qos import QoSLivelinessPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import QoSReliabilityPolicy
import yaml

from aim_ros.nodes.launching.parameters import RVIZ_TOPICS
from aim_ros.nodes.messages.conversions import HAVE_VISION_MSGS
from aim_ros.nodes.segmentation.ground_output import END
from aim_ros.nodes.segmentation.ground_output import HAVE_NAV_MSGS
from aim_ros.perception.alert_report import ground_frame
from aim_ros.perception.labelled_points import POINT
from aim_ros.resources import share_directory

CONFIG = share_directory() / 'config'
IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'
CLOUD, GRID = 'sensor_msgs/msg/PointCloud2', 'nav_msgs/msg/OccupancyGrid'
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
DETECTIONS = 'vision_msgs/msg/Detection2DArray'


DISPLAYS = {'rviz_default_plugins/Image': IMAGE, 'rviz_default_plugins/PointCloud2': CLOUD,
            'rviz_default_plugins/Map': GRID}
"""What the displays of RViz take."""

ON_THE_GROUND = {'/segmentation/camera/free_space': CLOUD, '/segmentation/camera/points': CLOUD,
                 '/segmentation/camera/occupancy': GRID}


def rviz() -> dict:
    return yaml.safe_load((CONFIG / 'aim_ros.rviz').read_text())['Visualization Manager']


def rviz_displays() -> list[dict]:
    """Return the displays of the RViz configuration that take a topic."""
    return [display for display in rviz()['Displays'] if 'Topic' in display]


def rviz_topics() -> dict[str, str]:
    """Return the topics of the RViz configuration with the types that their displays take."""
    return {display['Topic']['Value']: DISPLAYS[display['Class']] for display in rviz_displays()}


def panels() -> dict[str, dict]:
    return json.loads((CONFIG / 'foxglove_layout.json').read_text())['configById']


def paths() -> list[str]:
    """Return the message paths of tables and plots."""
    plots = [path['value'] for panel in panels().values() for path in panel.get('paths', ())]
    return plots + [panel['topicPath'] for panel in panels().values() if 'topicPath' in panel]


def foxglove_topics() -> dict[str, str]:
    """Return the topics of the Foxglove layout with the types that their panels take."""
    topics = {}
    for name, panel in panels().items():
        kind = name.partition('!')[0]
        if kind == 'Image':
            topics[panel['imageMode']['imageTopic']] = IMAGE
            if (info := panel['imageMode'].get('calibrationTopic')):
                topics[info] = INFO
        elif kind == '3D':
            topics |= {topic: ON_THE_GROUND[topic] for topic in panel['topics']}
        elif kind == 'DiagnosticSummary':
            topics[panel['topicToRender']] = DIAGNOSTICS
        else:
            assert kind in ('Table', 'Plot'), name
    for path in paths():
        topic = path.partition('.')[0]
        topics[topic] = DETECTIONS if topic.endswith('detections') else DIAGNOSTICS
    return topics


@pytest.mark.parametrize('topics', [rviz_topics, foxglove_topics])
def test_the_node_publishes_or_takes_each_topic_with_that_type(ros, make_node, topics):
    node = make_node()
    # Some are published only where their package is installed.
    there = {DETECTIONS: HAVE_VISION_MSGS, GRID: HAVE_NAV_MSGS}
    expected = {topic: [kind] for topic, kind in topics().items() if there.get(kind, True)}

    def found() -> dict[str, list[str]]:
        there = dict(node.get_publisher_names_and_types_by_node('segmentation', '/'))
        there |= dict(node.get_subscriber_names_and_types_by_node('segmentation', '/'))
        return {topic: there.get(topic) for topic in expected}

    # The graph learns of the node's own ends only after they are there.
    ros.wait_for(lambda: None not in found().values(), what=f'{sorted(expected)}')
    assert found() == expected


def policy(kind: type, topic: dict, name: str):
    """Return a policy of a display's topic."""
    return kind[topic[f'{name} Policy'].upper().replace(' ', '_')]


def test_rviz_asks_for_what_the_node_offers(ros, make_node):
    node = make_node()
    for display in rviz_displays():
        topic = display['Topic']
        if topic['Value'] == '/camera/image' or (
                DISPLAYS[display['Class']] == GRID and not HAVE_NAV_MSGS):
            continue
        asked = QoSProfile(
            depth=topic['Depth'],
            reliability=policy(QoSReliabilityPolicy, topic, 'Reliability'),
            durability=policy(QoSDurabilityPolicy, topic, 'Durability'),
            liveliness=QoSLivelinessPolicy.AUTOMATIC)
        offered, = ros.wait_for(
            lambda topic=topic: node.get_publishers_info_by_topic(topic['Value']),
            what=topic['Value'])
        fits, reason = qos_check_compatible(offered.qos_profile, asked)
        assert fits == QoSCompatibility.OK, f'{topic["Value"]}: {reason}'


def test_what_is_on_the_ground_is_seen_in_the_frame_that_the_node_makes_for_it():
    frame = ground_frame('camera')
    assert rviz()['Global Options']['Fixed Frame'] == frame
    seen = [panel for name, panel in panels().items() if name.startswith('3D!')]
    assert [panel['followTf'] for panel in seen] == [frame]


def test_points_are_coloured_by_a_field_that_they_have():
    fields = {'/segmentation/camera/free_space': set(END.names),
              '/segmentation/camera/points': set(POINT.names)}
    coloured = [(display['Topic']['Value'], display['Channel Name'])
                for display in rviz_displays() if DISPLAYS[display['Class']] == CLOUD]
    coloured += [(topic, shown['colorField']) for name, panel in panels().items()
                 if name.startswith('3D!') for topic, shown in panel['topics'].items()
                 if 'colorField' in shown]
    assert sorted({topic for topic, _ in coloured}) == sorted(fields)
    assert all(field in fields[topic] for topic, field in coloured)


def test_both_show_the_pictures_and_the_ground_and_foxglove_the_rest():
    both = {'/camera/image', '/segmentation/camera/overlay', *ON_THE_GROUND}
    assert both <= set(rviz_topics())
    assert both | {'/segmentation/camera/alerts', '/segmentation/camera/detections',
                   '/diagnostics'} <= set(foxglove_topics())


def test_a_launch_can_rename_every_topic_of_rviz():
    assert set(rviz_topics()) == {
        '/camera/image', *(f'/segmentation/camera/{topic}' for topic in RVIZ_TOPICS)}


def message_type(name: str) -> type:
    """Return the class of a message by its ROS name."""
    package, _, kind = name.replace('/msg/', '/').partition('/')
    return getattr(import_module(f'{package}.msg'), kind)


def fields_of(path: str) -> list[str]:
    """Return the fields that a message path goes through: indices and filters left out."""
    return re.sub(r'\[[^]]*\]|\{[^}]*\}', '', path).split('.')[1:]


@pytest.mark.parametrize('path', paths())
def test_message_paths_go_through_fields_that_there_are(path):
    topic = path.partition('.')[0]
    if topic.endswith('detections'):
        pytest.importorskip('vision_msgs', reason='vision_msgs is not installed')
    kind = message_type(foxglove_topics()[topic])
    for field in fields_of(path):
        declared = kind.get_fields_and_field_types()[field]
        element = re.sub(r'sequence<(.*)>', r'\1', declared)
        kind = message_type(element) if '/' in element else None


def test_plots_are_of_values_that_the_alerts_have(ros, make_node, make_camera, ask):
    camera = make_camera(make_node())
    _, alerts = ask(camera, 1.0)
    keys = {value.key for value in alerts.status[0].values}
    plotted = {key for path in paths() for key in re.findall(r'key=="(\w+)"', path)}
    assert plotted
    assert plotted <= keys


def test_every_panel_has_a_place_and_only_one():
    def leaves(tree) -> list[str]:
        return [tree] if isinstance(tree, str) else leaves(tree['first']) + leaves(tree['second'])

    layout = json.loads((CONFIG / 'foxglove_layout.json').read_text())
    assert sorted(leaves(layout['layout'])) == sorted(panels())
