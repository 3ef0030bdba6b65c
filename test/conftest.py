"""Fixtures that every room's tests share."""

import os
from pathlib import Path
import sys

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent

# The ROS packages from PyPI are found through the environment that they are installed in.
if 'AMENT_PREFIX_PATH' not in os.environ:
    os.environ['AMENT_PREFIX_PATH'] = sys.prefix


@pytest.fixture(params=['cpu', 'cuda'])
def device(request) -> torch.device:
    """Run a test on every kind of device; the GPU is skipped where there is none."""
    if request.param == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device on this machine')
    return torch.device(request.param)


@pytest.fixture(autouse=True, scope='session')
def one_thread():
    """The tensors here are small: where cores are shared, threads cost far more than they give."""
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The folder of real driving frames beside the repository."""
    path = ROOT.parent / 'shared' / 'data'
    if not path.is_dir():
        pytest.skip('the real driving frames (../shared/data) are not here')
    return path
