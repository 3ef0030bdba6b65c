"""Fixtures that every room's tests share."""

from collections.abc import Callable
import os
from pathlib import Path
import signal
import sys

from extras import EXTRAS
import pytest
import shared_memory
import torch

ROOT = Path(__file__).resolve().parent.parent

# The ROS packages from PyPI are found through the environment that they are installed in.
if 'AMENT_PREFIX_PATH' not in os.environ:
    os.environ['AMENT_PREFIX_PATH'] = sys.prefix

# Commands go on ignoring the signals that they were started to ignore, as under nohup or in the
# background of a script. Those that tests start are to heed them: what has a handler here, does.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

try:
    import hypothesis
except ModuleNotFoundError:
    pass
else:
    # The same examples in every run, no deadline where cores are shared, nothing kept on disk.
    hypothesis.settings.register_profile(
        'shared', deadline=None, database=None, derandomize=True)
    hypothesis.settings.load_profile('shared')


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """Skip a file that needs an extra which is not installed, instead of failing to collect it."""
    outcome = yield
    report = outcome.get_result()
    if report.passed or not isinstance(collector, pytest.Module):
        return
    cause = report.call.excinfo.value.__cause__
    if isinstance(cause, ModuleNotFoundError):
        package = (cause.name or '').partition('.')[0]
        if package in EXTRAS:
            report.outcome = 'skipped'
            report.longrepr = (str(collector.path), 0, f'Skipped: {package} is not installed: '
                               f'pip install -r requirements-{EXTRAS[package]}.txt')


@pytest.fixture(params=['cpu', 'cuda'])
def device(request) -> torch.device:
    """Run a test on every kind of device; the GPU is skipped where there is none."""
    if request.param == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device on this machine')
    return torch.device(request.param)


@pytest.fixture(autouse=True, scope='session')
def freed_shared_memory():
    """Free what processes that were killed in these tests leave, which is 70 MB each."""
    before = shared_memory.segments()
    yield
    shared_memory.remove_left(before)


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


@pytest.fixture
def make_checkpoint(tmp_path) -> Callable[..., Path]:
    """Make folders with tiny SegFormers; see `checkpoints.checkpoint_maker`."""
    # Not above: importing transformers takes seconds, and most tests need none.
    from checkpoints import checkpoint_maker
    return checkpoint_maker(tmp_path)


@pytest.fixture(scope='session')
def ade20k_full_names(shared_data) -> tuple[str, ...]:
    """ADE20K's 150 classes, each with all its synonyms, as its own list has them."""
    path = shared_data / 'ade20k' / 'objectInfo150.txt'
    if not path.is_file():
        pytest.skip(f'{path} is not here')
    rows = path.read_text().splitlines()[1:]
    return tuple(row.split('\t')[4] for row in rows if row.strip())


@pytest.fixture(scope='session')
def ade20k_names(ade20k_full_names) -> tuple[str, ...]:
    """The same as the checkpoints on the Hugging Face hub spell it: the first synonym alone."""
    return tuple(name.split(',')[0] for name in ade20k_full_names)
