"""The parameters of another node, whose answers may be late."""

from deaf_node import DeafNode
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed')

from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
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


class MuteNode(DeafNode):
    """Never says which parameters it has."""

    async def _list(self, request, response):
        await Future()


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


def test_no_question_is_left_without_an_end(ros, monkeypatch):
    """rclpy keeps those that are neither answered nor cancelled, for as long as the client."""
    monkeypatch.setattr('aim_ros.nodes.tuner.remote_parameters._ASK_AGAIN', 0.0)
    monkeypatch.setattr('aim_ros.nodes.tuner.remote_parameters._MOST_QUESTIONS', 3)
    questions: list[Future] = []
    ask = AsyncParameterClient.list_parameters

    def noted(client) -> Future:
        questions.append(ask(client))
        return questions[-1]

    def still_open() -> int:
        return sum(not (one.done() or one.cancelled()) for one in list(questions))

    monkeypatch.setattr(AsyncParameterClient, 'list_parameters', noted)
    ros.add(MuteNode(unanswered=0))
    parameters = RemoteParameters(ros.add(ros.Node('asking')), '/segmentation')
    ros.wait_for(lambda: len(questions) > 6, what='many questions')
    assert still_open() <= 3 + 1
    before = list(questions)
    parameters.forget()
    assert all(one.cancelled() for one in before)
