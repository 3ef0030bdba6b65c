"""What the segmentation node imports before it is active: no more than it needs."""

import os
from pathlib import Path
import subprocess
import sys

from deadline import DEADLINE
import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
import aim_ros.nodes.segmentation.run
from aim_ros.nodes.segmentation.camera_input import CameraInput
CameraInput(None, 'camera', {!r}, None, None)
print(*sys.modules, sep='\\n')
"""
DECODERS = {'av', 'PIL'}
NOT_NEEDED = {'matplotlib', 'motmetrics', 'nicegui', 'pandas', 'ray', 'scipy', 'transformers',
              'uvicorn', 'aim_ros.media', 'aim_ros.street'}


@pytest.mark.parametrize(('transport', 'needed'), [('raw', set()), ('compressed', DECODERS)])
def test_only_compressed_images_have_their_decoders_imported_at_start(transport, needed):
    ended = subprocess.run(
        [sys.executable, '-c', PROGRAM.format(transport)], capture_output=True, text=True,
        timeout=DEADLINE, check=False, env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.split()) & (DECODERS | NOT_NEEDED) == needed
