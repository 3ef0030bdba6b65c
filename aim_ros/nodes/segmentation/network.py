"""From the node's parameters to a network that is ready for images."""

from concurrent.futures import ThreadPoolExecutor

from aim_ros.deployment import gate
from aim_ros.deployment.agreement import Agreement
from aim_ros.nodes.parameter_table import ReadOnlyParameterError
from aim_ros.nodes.segmentation.parameters import NodeParameters
from aim_ros.perception.pipeline import Pipeline
from aim_ros.segmentation.loading import parse_device
from aim_ros.segmentation.segmenter import ModelError
from aim_ros.segmentation.segmenter import Segmenter


def load(parameters: NodeParameters) -> tuple[Pipeline, Agreement | None]:
    """
    Load and warm up what the parameters name, and hold it to the reference.

    :return: what perceives, and how far its network agrees with the reference; None where it is
        the reference.
    :raises ReadOnlyParameterError: there is no such device.
    :raises ModelError: the model, the engine or the size cannot be used, or the reference cannot
        be loaded.
    :raises OSError: not even a temporary folder takes the converted network.
    :raises RuntimeError: the device fails; see `is_device_lost`.
    """
    # OpenMP keeps a team for every thread that ever ran torch, and where their members outnumber
    # the cores, each waits for work asleep. So the worker's must be the only one.
    with ThreadPoolExecutor(1) as loader:
        return loader.submit(_load, parameters).result()


def _load(parameters: NodeParameters) -> tuple[Pipeline, Agreement | None]:
    try:
        parse_device(parameters['device'])
    except ModelError as error:
        raise ReadOnlyParameterError(str(error)) from error
    segmenter = Segmenter(
        parameters['model'], device=parameters['device'], engine=parameters['engine'],
        precision=parameters['precision'], input_size=parameters['input_size'],
        input_pixels=parameters['input_pixels'], providers=parameters['execution_providers'])
    pipeline = Pipeline(segmenter, parameters['seed'], parameters.emphasis_filter())
    pipeline.warm_up(len(parameters['cameras']))
    return pipeline, gate.check(segmenter)
