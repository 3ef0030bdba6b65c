"""
The private parts of rclpy that the nodes use, and why: Jazzy has no public way to do these.

Nothing else in the package touches what begins with an underscore in rclpy, so that a release
which moves something breaks here, in sight.
"""

from collections.abc import Mapping

from rclpy.executors import MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNodeMixin
from rclpy.node import Node
from rclpy.parameter import Parameter


def parameter_overrides(node: Node) -> Mapping[str, Parameter]:
    """
    Return the parameters that a node was given at start, declared or not.

    Publicly, rclpy names only those that were declared: a mistyped name leaves no trace.
    """
    return dict(node._parameter_overrides)


def lifecycle_state(node: LifecycleNodeMixin) -> str:
    """
    Return the label of a node's lifecycle state, for instance ``'active'``.

    Publicly, only a service gives it, which a callback of the node cannot wait for.

    :return: ``'finalized'``, too, for a node that has been destroyed.
    """
    machine = node._state_machine
    return 'finalized' if machine is None else machine.current_state[1]


def release_state_machine(node: LifecycleNodeMixin) -> None:
    """
    Let go of a node's state machine; to be called when the node has been destroyed.

    rclpy's `destroy_node` forgets it. It keeps the node's DDS participant alive until Python
    happens to collect the garbage, and until then others find services that answer nobody.
    """
    node._state_machine = None


def refuse_illegal_transitions(node: LifecycleNodeMixin) -> None:
    """
    Make a node answer ``success: false`` to a transition that its state does not allow.

    rclpy's own callback lets the state machine raise in the executor, and the caller waits for
    ever. The service's callback can only be replaced on the private attribute that holds it.
    """
    service = node._service_change_state
    change_state = service.callback

    def answer(request, response):
        possible = {label: number for number, label, *_ in
                    node._state_machine.available_transitions}
        wanted = request.transition
        legal = (wanted.label in possible if wanted.label else wanted.id in possible.values())
        if legal:
            return change_state(request, response)
        node.get_logger().warning(
            f'the transition {wanted.label or wanted.id!r} is not possible in the state '
            f'{lifecycle_state(node)!r}; possible: '
            + (', '.join(f'{label} ({number})' for label, number in possible.items()) or 'none'))
        response.success = False
        return response

    service.callback = answer


def join_callbacks(executor: MultiThreadedExecutor) -> None:
    """
    Wait until the callbacks that an executor has begun are over.

    Its public `shutdown` waits for none of its pool, and destroys what they use.
    """
    executor._executor.shutdown()
