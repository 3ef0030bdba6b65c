"""The threads that torch computes with leave the cores to others while they wait."""

import os
from pathlib import Path
import subprocess
import sys

from deadline import DEADLINE
import pytest

from aim_ros.openmp import yield_while_waiting

ROOT = Path(__file__).resolve().parent.parent

# torch's import ends the process: its OpenMP reads the environment then, and never again.
PROGRAM = """
import os
import sys

class EndAtTorch:
    def find_spec(self, name, path=None, target=None):
        if name == 'torch':
            print('spins:', os.environ.get('GOMP_SPINCOUNT'), flush=True)
            os._exit(0)

sys.meta_path.insert(0, EndAtTorch())
from {module} import main
sys.exit(main({arguments}))
"""

STARTS = {
    'aim_ros.deployment.__main__': [],
    'aim_ros.experiments.cli': ['calibrate', '--help'],
    'aim_ros.recordings.process_bag': ['drive', '--out', 'there'],
    'aim_ros.training.cli': ['evaluate', 'folder'],
}
WITHOUT_TORCH = {'hazards'}
BENCHMARKS = [f'benchmarks.{path.stem}' for path in sorted((ROOT / 'benchmarks').glob('[!_]*.py'))
              if path.stem not in WITHOUT_TORCH]
NEED_ROS = {'benchmarks.contention', 'benchmarks.node', 'segmentation'}


@pytest.mark.parametrize(('given', 'kept'), [
    ({}, {'GOMP_SPINCOUNT': '1000'}),
    ({'GOMP_SPINCOUNT': '7'}, {'GOMP_SPINCOUNT': '7'}),
    ({'OMP_WAIT_POLICY': 'active'}, {'OMP_WAIT_POLICY': 'active'}),
])
def test_threads_that_wait_do_not_spin_unless_the_user_says_so(given, kept):
    environment = dict(given)
    yield_while_waiting(environment)
    assert environment == kept


@pytest.mark.parametrize('name', ['segmentation', *STARTS, *BENCHMARKS])
def test_whatever_starts_torch_says_so_first(name, tmp_path):
    if name in NEED_ROS:
        pytest.importorskip('rclpy', reason='rclpy is not installed')
    module, arguments = name, STARTS.get(name)
    program = PROGRAM
    if name == 'segmentation':
        module, arguments = 'aim_ros.nodes.__main__', []
        program = program.replace('import main', 'import segmentation as main')
    environment = {key: value for key, value in os.environ.items()
                   if key not in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')}
    ended = subprocess.run(
        [sys.executable, '-c', program.format(module=module, arguments=arguments)],
        cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False,
        env={**environment, 'PYTHONPATH': str(ROOT)})
    assert ended.stdout.splitlines()[-1:] == ['spins: 1000'], ended.stderr
