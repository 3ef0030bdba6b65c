"""Requests for transitions, as a manager sends them, and what is left of a node that has ended."""

from contextlib import suppress
from functools import cache
import gc
from pathlib import Path

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import pytest

from aim_ros.nodes.rclpy_private import lifecycle_state


@pytest.fixture
def change_state(ros, matched_client):
    """Return a function that asks for a transition as others do, and gives the answer."""
    # Known to no state.
    client = cache(lambda: matched_client(
        ChangeState, '/segmentation/change_state',
        ChangeState.Request(transition=Transition(id=77))))

    def change_state(**transition) -> bool:
        request = ChangeState.Request(transition=Transition(**transition))
        return ros.wait_for(client().call_async(request).result).success
    return change_state


@pytest.mark.parametrize('illegal', [
    {'id': Transition.TRANSITION_CONFIGURE},
    {'id': Transition.TRANSITION_ACTIVATE, 'label': 'activate'},
    {'id': Transition.TRANSITION_ON_CONFIGURE_SUCCESS},
    {'id': Transition.TRANSITION_INACTIVE_SHUTDOWN},
    {'id': 77},
    {'label': 'explode'},
])
def test_an_illegal_transition_is_answered(
        make_node, make_camera, ask, ros, change_state, illegal):
    node = make_node()
    camera = make_camera(node)
    assert not change_state(**illegal)
    assert not ros.errors
    ask(camera, 1.0)
    assert lifecycle_state(node) == 'active'
    assert change_state(id=Transition.TRANSITION_DEACTIVATE)


def test_after_shutdown_every_transition_is_refused(make_node, ros, change_state):
    node = make_node()
    assert change_state(label='shutdown')
    assert lifecycle_state(node) == 'finalized'
    for number in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVE_SHUTDOWN):
        assert not change_state(id=number)
    assert not ros.errors


def threads_of_dds() -> int:
    """Return how many threads the DDS participants of this process have."""
    count = 0
    for path in Path('/proc/self/task').glob('*/comm'):
        # A thread may end meanwhile.
        with suppress(OSError):
            count += path.read_text().startswith('dds')
    return count


@pytest.mark.parametrize('active', [True, False])
def test_a_node_that_has_ended_leaves_no_service_behind(harness, tiny_model, active):
    before = threads_of_dds()
    # Whose services would answer nobody until Python collects them.
    gc.disable()
    try:
        ros = harness.Ros()
        node = harness.start_node(ros, model=tiny_model, autostart=active, active=active)
        during = threads_of_dds()
        ros.close()
        after = threads_of_dds()
    finally:
        gc.enable()
    assert lifecycle_state(node) == 'finalized'
    if during == before:
        pytest.skip('the threads of this DDS are not called so')
    # One, of shared memory, is the process's own.
    assert after <= before + 1
