"""The gate: an engine must decide as the reference does before it is trusted."""

from collections.abc import Iterable
from collections.abc import Iterator

from aim_ros.deployment.agreement import Agreement
from aim_ros.deployment.agreement import compare
from aim_ros.deployment.agreement import unique_names
from aim_ros.imaging.frame import Frame
from aim_ros.segmentation.cache import cache_key
from aim_ros.segmentation.cache import load_result
from aim_ros.segmentation.cache import store_result
from aim_ros.segmentation.checkpoint import is_exported
from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.fingerprint import fingerprint
from aim_ros.segmentation.loading import network_identity
from aim_ros.segmentation.segmenter import Segmenter

FRAME_SIZE = (375, 1242)
"""(height, width) of the frames that engines are compared on."""

_VERSION = 1
"""Part of the key of what is kept; to be raised when frames or comparison change."""


def gate_frames() -> Iterator[Frame]:
    """Yield the frames that engines are compared on: four of the rendered street."""
    # Rarely needed: what was measured is kept.
    from aim_ros.media.street import Street

    yield from Street(frames=120, size=FRAME_SIZE).frames(every=30)


def check(segmenter: Segmenter) -> Agreement | None:
    """
    Compare a segmenter with torch in fp32 on the CPU; an ONNX file with ONNX Runtime on the CPU.

    It is measured once for each network, engine, precision and size, and kept on disk.

    :return: None where the segmenter is the reference.
    :raises ModelError: the reference cannot be loaded.
    """
    engine = segmenter.engine
    exported = is_exported(segmenter.model)
    usual = ('onnxruntime', 'cpu') if exported else ('torch', 'cpu')
    if (engine.name, engine.target) == usual and (exported or segmenter.precision == 'fp32'):
        return None
    size = segmenter.size_for(FRAME_SIZE)
    key = cache_key({
        'gate': _VERSION, 'network': _identity(segmenter.model), 'engine': str(engine),
        'target': engine.target, 'precision': segmenter.precision, 'size': list(size)})
    agreement = _kept(key, segmenter)
    if agreement is None:
        try:
            reference = Segmenter(
                segmenter.model, device='cpu', engine=usual[0], input_size=size,
                precision='auto' if exported else 'fp32')
        except ModelError as error:
            raise ModelError(
                f'{engine} cannot be compared with {usual[0]}, as it must be before it is '
                f'trusted: {error}') from error
        agreement = compare(segmenter, reference, gate_frames())
        store_result(key, agreement.as_dict())
    return agreement


def _kept(key: str, segmenter: Segmenter) -> Agreement | None:
    content = load_result(key)
    try:
        agreement = Agreement(**content)
        complete = list(agreement.there) == list(agreement.both) == unique_names(segmenter)
    except (TypeError, AttributeError):
        # Nothing, or nothing of this form, was kept.
        return None
    return agreement if complete else None


def _identity(model: str) -> dict:
    return {'files': fingerprint(model)} if is_exported(model) else network_identity(model)


def warning(agreement: Agreement | None, segmenter: Segmenter, class_ids: Iterable[int]
            ) -> str | None:
    """
    Return what is to be said of the classes that must not be missed, None if all is well.

    :param class_ids: of the classes that alerts are about.
    """
    if agreement is None:
        return None
    names = unique_names(segmenter)
    failing = agreement.failing(names[class_id] for class_id in class_ids)
    if not failing:
        return None
    shares = ', '.join(f'{name} {agreement.share(name):.2%}' for name in failing)
    return (f'{segmenter.engine} in {segmenter.precision} decides otherwise than '
            f'{agreement.reference} for classes that are alerted; it agrees on: {shares}. Use '
            'precision fp32, or measure what it costs on frames of your own')
