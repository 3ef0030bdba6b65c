"""A node that does not answer every request to change a parameter."""

from rcl_interfaces.srv import DescribeParameters
from rcl_interfaces.srv import GetParameters
from rcl_interfaces.srv import GetParameterTypes
from rcl_interfaces.srv import ListParameters
from rcl_interfaces.srv import SetParameters
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future


class DeafNode(Node):
    """
    /segmentation, with parameters "a" and "b".

    :param unanswered: how many of the first requests to change one get no answer.
    """

    def __init__(self, unanswered: int):
        super().__init__('segmentation', start_parameter_services=False)
        self.declare_parameter('a', 1)
        self.declare_parameter('b', 1)
        self.asked = []
        self._unanswered = unanswered
        self._never = Future()
        for kind, name, answer in (
                (ListParameters, 'list_parameters', self._list),
                (DescribeParameters, 'describe_parameters', self._describe),
                (GetParameters, 'get_parameters', self._get),
                (SetParameters, 'set_parameters', self._set),
                (GetParameterTypes, 'get_parameter_types', None),
                (SetParametersAtomically, 'set_parameters_atomically', None)):
            # Those that are never answered must not keep others out.
            self.create_service(kind, f'/segmentation/{name}', answer,
                                callback_group=ReentrantCallbackGroup())

    def _list(self, request, response):
        response.result = self.list_parameters(['a', 'b'], 1)
        return response

    def _describe(self, request, response):
        response.descriptors = self.describe_parameters(request.names)
        return response

    def _get(self, request, response):
        response.values = [one.get_parameter_value()
                           for one in self.get_parameters(request.names)]
        return response

    async def _set(self, request, response):
        parameter, = map(Parameter.from_parameter_msg, request.parameters)
        self.asked.append((parameter.name, parameter.value))
        if len(self.asked) <= self._unanswered:
            await self._never
        response.results = self.set_parameters([parameter])
        return response
