"""The parameters of another node, whose answers may be late."""

from deaf_node import DeafNode
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter
from rclpy.task import Future

from aim_ros.nodes.tuner.remote_parameters import RemoteParameters


class SlowNode(DeafNode):
    """Keeps its first answer with values until `late` is done."""

    def __init__(self):
        self.late = Future()
        self.questions = 0
        super().__init__(unanswered=0)

    async def _get(self, request, response):
        self.questions += 1
        answer = super()._get(request, response)
        if self.questions == 1:
            await self.late
        return answer


def test_an_answer_from_before_a_change_of_the_node_is_not_taken_for_news(ros):
    node = ros.add(SlowNode())
    parameters = RemoteParameters(ros.add(ros.Node('asking')), '/segmentation')
    ros.wait_for(lambda: node.questions == 1, what='the first question for values')
    # As when the node is configured, and knows its classes.
    node.set_descriptor('a', ParameterDescriptor(
        name='a', type=ParameterType.PARAMETER_INTEGER, description='one of: road, person'))
    parameters.forget()
    node.late.set_result(None)
    ros.wait_for(lambda: parameters.known, what='the parameters')
    assert parameters.controls['a'].description == 'one of: road, person'


def test_a_change_between_a_late_answer_and_the_question_is_kept(ros):
    node = ros.add(SlowNode())
    parameters = RemoteParameters(ros.add(ros.Node('asking')), '/segmentation')
    ros.wait_for(lambda: node.questions == 1, what='the first question for values')
    node.set_parameters([Parameter('a', value=7)])
    ros.wait_for(lambda: parameters.values.get('a') == 7, what='the event')
    # Asked again meanwhile, however often, whatever was changed since the first time stays.
    node.late.set_result(None)
    ros.wait_for(lambda: parameters.known, what='the parameters')
    assert parameters.values['a'] == 7
