"""What the executables import at their start: no more than they need."""

import os
from pathlib import Path
import subprocess
import sys

from deadline import DEADLINE
import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import aim_ros.nodes.segmentation.run
from aim_ros.nodes.segmentation.camera_input import CameraInput
CameraInput(None, 'camera', {!r}, None, None)
"""
DECODERS = {'av', 'PIL'}
NOT_NEEDED = {'matplotlib', 'motmetrics', 'nicegui', 'pandas', 'ray', 'scipy', 'transformers',
              'uvicorn', 'aim_ros.media', 'aim_ros.street'}


def imported(program: str) -> set[str]:
    """Return the modules that a program has imported at its end."""
    ended = subprocess.run(
        [sys.executable, '-c', f'{program}\nimport sys\nprint(*sys.modules)'],
        capture_output=True, text=True, timeout=DEADLINE, check=False,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


@pytest.mark.parametrize(('transport', 'needed'), [('raw', set()), ('compressed', DECODERS)])
def test_only_compressed_images_have_their_decoders_imported_at_start(transport, needed):
    assert imported(PROGRAM.format(transport)) & (DECODERS | NOT_NEEDED) == needed


@pytest.mark.parametrize('module', [
    'aim_ros.nodes.replay.run', 'aim_ros.nodes.demo.run', 'aim_ros.nodes.alert_listener',
    'aim_ros.nodes.tuner.tuner_node', 'aim_ros.recordings.kitti_to_bag', 'aim_ros.media.sources'])
def test_what_runs_no_network_does_without_torch(module):
    assert 'torch' not in imported(f'import {module}')
