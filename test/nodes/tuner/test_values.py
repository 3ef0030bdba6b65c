"""What the tuner makes of descriptions of parameters, and of alerts."""

import math

from diagnostic_msgs.msg import DiagnosticArray
import pytest
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.msg import ParameterValue
from rclpy.parameter import Parameter
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Level
from aim_ros.nodes.choices import ANY_OF
from aim_ros.nodes.choices import choice_text
from aim_ros.nodes.choices import ONE_OF
from aim_ros.nodes.messages.conversions import status_message
from aim_ros.nodes.parameter_row import Row
from aim_ros.nodes.parameter_row import STRINGS
from aim_ros.nodes.tuner.alert_records import record_of
from aim_ros.nodes.tuner.control import control_of
from aim_ros.nodes.tuner.control import plain
from aim_ros.nodes.tuner.traces import NAMES
from aim_ros.nodes.tuner.traces import Traces


def control(row: Row, constraints: str = ''):
    """Return the control of a parameter of the node as the node describes it."""
    return control_of(row.descriptor(constraints),
                      row.parameter(row.default).to_parameter_msg().value)


def test_a_number_is_known_with_its_range():
    found = control(Row('x', float, 0.5, 'Meaning.', low=0.0, high=20.0))
    assert (found.low, found.high, found.step) == (0.0, 20.0, 0.1)
    assert found.has_slider
    assert found.description == 'Meaning.'
    assert not found.read_only


@pytest.mark.parametrize(('low', 'high', 'step'), [
    (0.0, 1.0, 0.01), (0.1, 0.8, 0.001), (0.0, 1000.0, 10.0), (3.0, 3.0, 0.01)])
def test_a_slider_has_round_steps(low, high, step):
    assert control(Row('x', float, low, '', low=low, high=high)).step == pytest.approx(step)


def test_whole_numbers_step_by_one_and_a_range_too_long_for_a_slider_has_none():
    assert control(Row('x', int, 3, '', low=1, high=50)).step == 1
    assert control(Row('x', int, 3, '', low=1, high=50)).has_slider
    assert not control(Row('x', int, 3, '', low=1, high=1_000_000)).has_slider
    assert not control(Row('x', float, 3.0, '')).has_slider


def test_choices_are_those_that_the_node_names():
    assert control(Row('x', str, 'a', '', choices=('a', 'b'))).choices == ('a', 'b')
    found = control(Row('x', STRINGS, (), ''), 'any of: people, traffic light')
    assert found.choices == ('people', 'traffic light')
    assert found.is_list
    only_raised = control(Row('x', float, 1.0, '', low=0.0, high=2.0, driver_may='raised'))
    assert only_raised.choices == ()
    assert 'raised' in only_raised.constraints


@pytest.mark.parametrize('choices', [
    ('a',), ('a, b', 'c'), ('a,b',), ('say "calm"', '"', '""', "it's"), (' a ', '', 'b'), (', ',),
    ('two\nlines', 'a\r\nb', '\ttab'), ('one of: ', 'any of: a, b'), ('a\\', '[a, b]', '{c: d}')])
@pytest.mark.parametrize('start', [ONE_OF, ANY_OF])
def test_choices_are_read_as_they_were_whatever_is_in_them(start, choices):
    found = control(Row('x', STRINGS, (), ''), choice_text(start, choices))
    assert found.choices == choices
    assert control(Row('x', str, choices[0], '', choices=choices)).choices == choices


def test_of_a_list_that_another_program_wrote_what_can_be_read_is():
    for text in ('one of: a, b\nc', 'one of: a, "b\nc', 'one of: ', 'of: a'):
        control(Row('x', str, 'a', ''), text)


def test_values_go_out_in_the_type_of_the_parameter():
    real = control(Row('x', float, 0.5, ''))
    assert real.parameter(1).type_ == Parameter.Type.DOUBLE
    whole = control(Row('x', int, 1, ''))
    assert whole.parameter(2.0).type_ == Parameter.Type.INTEGER
    # What is wrong goes out as it is: the node has the word for it.
    assert whole.parameter(2.5).value == 2.5
    names = control(Row('x', STRINGS, (), ''))
    assert names.parameter(()).type_ == Parameter.Type.STRING_ARRAY
    assert names.parameter(('car',)).value == ['car']


def test_values_come_in_as_plain_python():
    assert plain(ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=0.5)) == 0.5
    assert plain(ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY,
                                string_array_value=['a'])) == ('a',)
    assert plain(ParameterValue(type=ParameterType.PARAMETER_INTEGER_ARRAY,
                                integer_array_value=[1, 2])) == (1, 2)
    assert plain(ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=True)) is True


SUMMARY = {'profile': 'city', 'revision': 3, 'sigma': 0.7, 'changed_share': 0.02,
           'receive_to_publish_ms': 80.0}


def user(track_id, level, distance, **more):
    return status_message(int(level), f'n/c/track/{track_id}', 'so', 'c', {
        'track_id': track_id, 'kind': 'pedestrian', 'distance_m': distance, 'ttc_s': math.nan,
        'emphasised': False, 'coasting': False, **more})


def alerts(level, values, *users):
    return DiagnosticArray(header=Header(), status=[
        status_message(int(level), 'n/c', 'so', 'c', values), *users])


def test_road_users_come_the_worst_first_and_the_nearest_first():
    record = record_of(alerts(
        Level.ERROR, SUMMARY, user(1, Level.WARN, 5.0), user(2, Level.ERROR, 9.0),
        user(3, Level.WARN, math.nan, emphasised=True), user(4, Level.ERROR, 8.0)))
    assert [one.track_id for one in record.road_users] == ['4', '2', '1', '3']
    assert [one.emphasised for one in record.road_users] == [False, False, False, True]
    assert (record.profile, record.revision, record.sigma) == ('city', 3, 0.7)
    assert (record.count(Level.WARN), record.count(Level.ERROR)) == (2, 2)


def test_alerts_without_a_summary_are_refused():
    with pytest.raises(ValueError, match='summary'):
        record_of(DiagnosticArray())


def test_traces_end_at_now_and_leave_a_gap_where_no_frame_was():
    now = [0.0]
    traces = Traces(lambda: now[0])
    for second, message in ((10, alerts(Level.OK, SUMMARY)), (65, alerts(Level.OK, SUMMARY)),
                            (69, alerts(Level.STALE, {'profile': 'city', 'sigma': 0.7})),
                            (70, alerts(Level.WARN, SUMMARY, user(1, Level.WARN, 5.0)))):
        now[0] = float(second)
        traces.add(record_of(message))
    now[0] = 71.0
    lines = traces.lines()
    assert tuple(lines) == NAMES
    assert lines['changed share'] == [(-6.0, 2.0), (-2.0, None), (-1.0, 2.0)]
    assert lines['WARN'] == [(-6.0, 0.0), (-2.0, None), (-1.0, 1.0)]
    assert lines['latency'] == [(-6.0, 80.0), (-2.0, None), (-1.0, 80.0)]


def test_many_frames_are_thinned_out_and_the_newest_is_there():
    now = [0.0]
    traces = Traces(lambda: now[0])
    for index in range(1000):
        now[0] = index * 0.05
        traces.add(record_of(alerts(Level.OK, {**SUMMARY, 'changed_share': index / 1000})))
    line = traces.lines()['changed share']
    assert len(line) <= 240
    assert line[-1] == (0.0, 99.9)
