"""After which errors a process can go on, and after which none can."""

from types import SimpleNamespace

import pytest
import torch

from aim_ros.segmentation.description import ModelError
from aim_ros.segmentation.lost_device import is_device_lost

# What torch adds to each.
HINT = ('\nCUDA kernel errors might be asynchronously reported at some other API call, so the '
        'stacktrace below might be incorrect.')


class Accelerator(RuntimeError):
    """As torch.AcceleratorError, with the code that a device gave."""

    def __init__(self, text, error_code):
        super().__init__(text)
        self.error_code = error_code


@pytest.mark.parametrize('text', [
    'CUDA error: device-side assert triggered', 'CUDA error: unspecified launch failure',
    'CUDA error: an illegal memory access was encountered', 'CUDA error: unknown error',
    'CUDA error: uncorrectable ECC error encountered', 'HIP error: unspecified launch failure',
    'CUDA driver error: an illegal instruction was encountered',
    'Triton Error [CUDA]: misaligned address',
    'Non-zero status code returned while running Conv node. CUDA failure 700: an illegal memory '
    'access was encountered ; GPU=0'])
def test_a_device_that_cannot_go_on_is_known_by_its_text(text):
    assert is_device_lost(RuntimeError(text + HINT))


@pytest.mark.parametrize('said', [
    '[GPU] clEnqueueNDRangeKernel, error code: -2 CL_DEVICE_NOT_AVAILABLE',
    '[GPU] clFinish, error code: -2',
    'zeCommandListHostSynchronize(m_list, default_timeout) command failed with code 1879048193',
    'L0 zeFenceHostSynchronize result: ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001 - device '
    'hung, reset, was removed, or driver update occurred'])
@pytest.mark.parametrize('around', [
    'Exception from src/inference/src/cpp/infer_request.cpp:245:\n'
    'Exception from src/plugins/intel_gpu/src/runtime/ocl/ocl_stream.cpp:365:\n{}\n',
    # Of ONNX Runtime's provider.
    "Non-zero status code returned while running OpenVINO-EP-subgraph_2 node. Name:'x' Status "
    'Message: [OpenVINO-EP]  Wait Model Failed: Exception from infer_request.cpp:245:\n{}'])
def test_a_device_of_openvino_that_cannot_go_on_is_known_by_what_its_driver_returned(said, around):
    assert is_device_lost(RuntimeError(around.format(said)))


@pytest.mark.parametrize('said', [
    # Out of memory, or a hang: nobody can tell.
    '[GPU] clFlush, error code: -5', '[GPU] clFinish, error code: -5 CL_OUT_OF_RESOURCES',
    '[GPU] CL_OUT_OF_RESOURCES exception.\n\tDue to a driver bug, any subsequent OpenCL API call '
    'may cause the application to hang', '[GPU] out of GPU resources',
    '[GPU] clWaitForEvents, error code: -14 CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST',
    # It may be available when it is tried again.
    '[GPU] clCreateContext, error code: -2 CL_DEVICE_NOT_AVAILABLE',
    '[GPU] clCreateCommandQueueWithProperties, error code: -2',
    # Mistakes of one call.
    '[GPU] clEnqueueNDRangeKernel, error code: -52', '[GPU] clCreateBuffer, error code: -20',
    '[GPU] clBuildProgram, error code: -3 CL_COMPILER_NOT_AVAILABLE',
    'zeKernelCreate(module) command failed with code 1879048194',
    'zeKernelCreate(module) command failed with code 18790481930',
    'L0 zeMemAllocHost result: ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY, code 0x70000002',
    # What others say of such errors.
    'the file CL_DEVICE_NOT_AVAILABLE.xml is missing', 'no layer ZE_RESULT_ERROR_DEVICE_LOST',
    'the bias of error code: -2 is nan', '[CPU] node failed, error code: -2'])
def test_other_errors_of_openvino_are_no_loss(said):
    assert not is_device_lost(RuntimeError(f'Exception from infer_request.cpp:245:\n{said}\n'))


def test_a_device_of_openvino_that_is_lost_while_it_compiles_is_known(tmp_path):
    openvino = pytest.importorskip('aim_ros.segmentation.engines.openvino')
    path = tmp_path / 'network.xml'
    openvino.convert(torch.nn.Conv2d(3, 2, 1), path)
    engine = openvino.OpenVinoEngine(path)

    def fail(*_):
        raise RuntimeError('[GPU] clBuildProgram, error code: -2 CL_DEVICE_NOT_AVAILABLE')

    engine._core = SimpleNamespace(compile_model=fail)
    with pytest.raises(ModelError, match='cannot compile') as error:
        engine.prepare(1, (32, 32))
    assert is_device_lost(error.value)


def test_it_is_known_by_its_code():
    assert is_device_lost(Accelerator('an error of another wording', 710))
    assert not is_device_lost(Accelerator('CUDA error: invalid argument', 1))


@pytest.mark.skipif(not hasattr(torch, 'AcceleratorError'), reason='torch before 2.8')
def test_it_is_known_by_its_type():
    error = torch.AcceleratorError('CUDA error: device-side assert triggered')
    assert is_device_lost(error)
    assert not is_device_lost(torch.AcceleratorError('CUDA error: invalid configuration argument'))


def test_what_was_made_of_it_does_not_hide_it():
    cause = RuntimeError('CUDA error: misaligned address')
    told, handled = ModelError('the network does not run'), ValueError('its retry failed')
    told.__cause__, handled.__context__ = cause, cause
    assert is_device_lost(told)
    assert is_device_lost(handled)


@pytest.mark.parametrize('error', [
    torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB.'),
    RuntimeError('CUDA error: out of memory' + HINT), RuntimeError('unknown error'),
    RuntimeError('CUDA error: operation not permitted when stream is capturing'),
    RuntimeError('shape mismatch'), Accelerator('', None), None])
def test_after_others_the_next_frame_may_succeed(error):
    assert not is_device_lost(error)


def test_errors_that_were_raised_from_each_other_have_an_end():
    one, other = RuntimeError('one'), RuntimeError('other')
    one.__cause__, other.__cause__ = other, one
    assert not is_device_lost(one)
