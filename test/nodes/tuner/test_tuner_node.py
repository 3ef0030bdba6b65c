"""The tuner beside a running segmentation node: parameters, pictures, alerts, restarts."""

from functools import partial

from deaf_node import DeafNode
from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
import numpy as np
import pytest
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.msg import ParameterValue
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_parameter_events
from rclpy.qos import QoSReliabilityPolicy
from rclpy.task import Future
from shipped_profiles import shipped_sigma
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from aim_ros.nodes.messages.conversions import frame_from_image
from aim_ros.nodes.replay.playback import Playback
from aim_ros.nodes.segmentation.table import TABLE
from aim_ros.nodes.tuner.service_calls import NoAnswerError
from aim_ros.nodes.tuner.tuner_node import TunerNode
from aim_ros.nodes.tuner.what_if import profile_as_set
from aim_ros.nodes.tuner.what_if import SWEEP
from aim_ros.nodes.tuner.what_if import WhatIf
from aim_ros.segmentation.labels import CITYSCAPES


@pytest.fixture
def tuner(ros):
    """A tuner that follows /segmentation, whether it is there or not."""
    # Answers take their time on cores that are busy with other work.
    return ros.add(TunerNode('/segmentation', '/replay', 120.0))


def known(ros, tuner):
    ros.wait_for(lambda: tuner.parameters.known, what='the parameters')
    return tuner.parameters


def answer(ros, future):
    ros.wait_for(future.done, what='an answer')
    return future.result()


def test_controls_are_what_the_node_describes(ros, make_node, tuner):
    make_node()
    controls = known(ros, tuner).controls
    assert set(controls) >= {row.name for row in TABLE}
    assert not [name for name in controls if name.startswith(('qos_overrides', 'use_sim'))]
    assert 'defensive' in controls['driver_profile'].choices
    assert controls['focus.sampling'].choices == ('expected', 'pixel', 'gated')
    assert controls['focus.classes'].choices == CITYSCAPES.selectable()
    assert (controls['focus.sigma'].low, controls['focus.sigma'].high) == (0.0, 20.0)
    assert controls['model'].read_only
    ros.wait_for(lambda: tuner.parameters.values['alerts.required_classes'] == (
        'people', 'two_wheelers'), what='the value')


def test_a_change_is_made_and_all_that_follows_from_it_is_seen(ros, make_node, tuner):
    node = make_node()
    parameters = known(ros, tuner)
    assert answer(ros, parameters.set('driver_profile', 'assertive')) == ''
    assert node.parameters.profile == 'assertive'
    ros.wait_for(lambda: parameters.values['focus.classes'] == ('vehicles',))
    ros.wait_for(lambda: parameters.values['focus.sigma'] == shipped_sigma('assertive'))
    assert answer(ros, parameters.set('focus.sigma', 2)) == ''
    ros.wait_for(lambda: parameters.values['driver_profile'] == 'custom')
    assert answer(ros, parameters.set('focus.classes', ())) == ''
    assert node.parameters['focus.classes'] == ()


@pytest.mark.parametrize(('name', 'value', 'said'), [
    ('alerts.near_m', 5.0, 'may only be raised from its value at start, 20'),
    ('focus.sigma', 99.0, 'focus.sigma out of range'),
    ('focus.classes', ('unicorn',), "unknown class or role 'unicorn'"),
    ('alerts.min_area', 2.5, 'alerts.min_area must be an integer, got 2.5'),
    ('nothing', 1, "parameter 'nothing'")])
def test_a_refusal_comes_in_the_nodes_words(ros, make_node, tuner, name, value, said):
    node = make_node()
    parameters = known(ros, tuner)
    settings, before = node.parameters.settings, parameters.values.get(name)
    assert said in answer(ros, parameters.set(name, value))
    assert node.parameters.settings is settings
    assert parameters.values.get(name) == before


def test_a_declaration_that_is_told_late_takes_no_value_away(ros, make_node, tuner):
    make_node()
    values = known(ros, tuner).values
    news = ros.add(Node('news')).create_publisher(
        ParameterEvent, '/parameter_events', qos_profile_parameter_events)
    ros.wait_for(news.get_subscription_count, what='the tuner')
    for name, value in (('focus.classes', ParameterValue()), ('last', Parameter(
            'last', value=1).get_parameter_value())):
        news.publish(ParameterEvent(
            node='/segmentation', new_parameters=[ParameterMessage(name=name, value=value)]))
    ros.wait_for(lambda: 'last' in tuner.parameters.values, what='the news')
    assert tuner.parameters.values['focus.classes'] == values['focus.classes'] == ()


def test_a_node_that_is_started_again_is_asked_again(ros, make_node, tuner):
    first = make_node()
    parameters = known(ros, tuner)
    ros.remove(first)
    ros.wait_for(lambda: not parameters.known, what='the node to be missed')
    make_node(driver_profile='city', cameras=['front', 'rear'])
    ros.wait_for(lambda: parameters.known and parameters.values['driver_profile'] == 'city')
    ros.wait_for(lambda: tuple(tuner.streams) == ('front', 'rear'), what='the new cameras')


def test_a_node_that_is_killed_is_missed_within_seconds(ros, clock):
    tuner = ros.add(TunerNode('/segmentation', '/replay', 0.5, clock))
    # The graph still has it, as it has one that was killed.
    diagnostics = ros.add(Node('segmentation')).create_publisher(
        DiagnosticArray, '/diagnostics', 10)
    assert tuner.silence == 0
    ros.wait_for(diagnostics.get_subscription_count, what='the tuner')

    def say(state):
        diagnostics.publish(DiagnosticArray(status=[DiagnosticStatus(
            name='segmentation: node', values=[KeyValue(key='lifecycle_state', value=state)])]))
        ros.wait_for(lambda: tuner.status.get('lifecycle_state') == state, what=state)

    say('active')
    # It speaks once a second.
    clock.now += 2.5
    assert tuner.silence == 0
    clock.now += 1
    assert tuner.silence == 3.5
    say('inactive')
    assert tuner.silence == 0


def test_pictures_come_only_while_somebody_watches_and_alerts_always(
        ros, make_node, make_camera, tuner):
    node = make_node()
    camera = make_camera(node)
    output = node.channels['camera'].output
    stream = ros.wait_for(lambda: tuner.streams.get('camera'), what='the stream')
    stamps = iter(range(1, 10_000))

    def shown():
        camera.images.publish(camera.message(next(stamps) / 10))
        newest = stream.pictures.newest
        return newest is not None and newest.overlay and newest

    camera.images.publish(camera.message(next(stamps) / 10))
    ros.wait_for(lambda: stream.record is not None, what='the alerts')
    assert not output.wants_overlay()
    with stream.pictures.watch():
        newest = ros.wait_for(shown, what='a picture')
        assert output.wants_overlay()
        assert newest.camera[:2] == newest.overlay[:2] == b'\xff\xd8'
        np.testing.assert_array_equal(newest.pair.frame.rgb(), camera.pixels)
        assert newest.pair.overlay.shape == camera.pixels.shape
        # A publisher waits for no subscriber like this.
        for topic in ('/camera/image', '/segmentation/camera/overlay'):
            ours, = (end for end in node.get_subscriptions_info_by_topic(topic)
                     if end.node_name == 'tuner')
            assert ours.qos_profile.reliability == QoSReliabilityPolicy.BEST_EFFORT
    ros.wait_for(lambda: not output.wants_overlay(), what='the overlay to be let go')
    assert stream.record.profile == 'neutral'
    assert stream.traces.lines()['sigma']


def test_a_camera_is_shown_without_overlays_too(ros, make_node, make_camera, tuner):
    node = make_node()
    camera = make_camera(node)
    stream = ros.wait_for(lambda: tuner.streams.get('camera'), what='the stream')
    with stream.pictures.watch():
        ros.wait_for(lambda: tuner.status.get('lifecycle_state') == 'active')
        node.trigger_deactivate()
        stamps = iter(range(1, 10_000))

        def shown():
            camera.images.publish(camera.message(next(stamps) / 10))
            newest = stream.pictures.newest
            return newest is not None and not newest.overlay

        ros.wait_for(shown, what='the camera alone')
    ros.wait_for(lambda: tuner.status['lifecycle_state'] == 'inactive')


def test_what_if_runs_the_network_of_the_node(ros, make_node, make_camera, ask, tuner):
    node = make_node()
    camera = make_camera(node)
    parameters = known(ros, tuner)
    frame_mask, _ = ask(camera, 1.0)
    what_if = WhatIf(parameters.values)
    assert what_if.is_of(parameters.values)
    assert not what_if.is_of({**parameters.values, 'seed': 7})
    strong = profile_as_set('strong', {
        **parameters.values, 'focus.classes': ('vehicles',), 'focus.sigma': 20.0})
    frame = frame_from_image(camera.message(1.0), 'camera')
    neutral, focused = what_if.compare(
        frame, [profile_as_set('as set now', parameters.values), strong])
    assert neutral.changed == 0
    assert neutral.sigma == 0
    assert set(neutral.sweep) == {0.0}
    assert focused.changed > 0.5
    assert focused.sweep[0] == 0
    assert list(focused.sweep) == sorted(focused.sweep)
    assert len(focused.sweep) == len(SWEEP)
    assert neutral.picture.shape == (frame_mask.height, frame_mask.width, 3)
    assert np.abs(neutral.picture.astype(int) - focused.picture).mean() > 1


def test_a_replay_that_another_pauses_or_that_is_started_again_is_shown_as_it_is(
        ros, tuner, matched_client):
    playback, first = tuner.playback, ros.add(Node('replay'))
    Playback(first)
    another = matched_client(SetBool, '/replay/pause', SetBool.Request())
    ros.wait_for(lambda: playback.present, what='the replay')
    another.call_async(SetBool.Request(data=True))
    ros.wait_for(lambda: playback.paused, what='the pause')
    playback.problem = '/replay has not answered'
    ros.remove(first)
    Playback(ros.add(Node('replay')))
    ros.wait_for(lambda: not playback.paused, what='the new replay')
    assert not playback.problem
    playback.pause(True)
    ros.wait_for(lambda: playback.paused, what='the pause of the new one')


@pytest.fixture
def impatient(ros):
    """A tuner that waits for answers for half a second."""
    return ros.add(TunerNode('/segmentation', '/replay', 0.5))


def test_a_node_that_never_answers_is_given_up_and_can_be_asked_again(ros, impatient):
    node = ros.add(DeafNode(unanswered=2))
    parameters = known(ros, impatient)
    given_up = parameters.set('a', 2), parameters.set('b', 3)
    for one in given_up:
        ros.wait_for(one.done, what='the end of the wait')
        with pytest.raises(NoAnswerError, match='/segmentation has not answered for'):
            one.result()
    ros.wait_for(lambda: node.asked == [('a', 2), ('a', 2)], what='both questions')

    # The answer may come too late on a busy machine.
    def accepted():
        one = parameters.set('a', 4)
        ros.wait_for(one.done, what='the end of the wait')
        return one.exception() is None
    ros.wait_for(accepted, what='an answer')
    ros.wait_for(lambda: parameters.values['a'] == 4, what='the new value')


def test_a_replay_that_does_not_answer_is_named_and_no_step_is_asked_for_twice(ros, impatient):
    deaf, asked, never = ros.add(Node('replay')), [], Future()

    async def ignore(request, response):
        asked.append(request)
        await never

    for kind, name in ((SetBool, 'pause'), (Trigger, 'step')):
        deaf.create_service(kind, f'/replay/{name}', ignore,
                            callback_group=ReentrantCallbackGroup())
    playback = impatient.playback
    ros.wait_for(lambda: playback.present, what='the replay')
    for call, times in ((partial(playback.pause, True), 2), (playback.step, 1)):
        asked.clear()
        playback.problem = ''
        call()
        problem = ros.wait_for(lambda: playback.problem, what='the problem')
        assert '/replay has not answered for 0.5 s' in problem
        ros.wait_for(lambda times=times: len(asked) == times, what='the questions')
    assert not playback.paused
