"""The runner goes on after what fails, and its last line sums everything up."""

from pathlib import Path
import re
import subprocess

import pytest
import run_tests


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Return a function that makes test files; a folder of its own is the repository."""
    monkeypatch.setattr(run_tests, 'ROOT', tmp_path)
    # The others take most of the time of such small runs.
    monkeypatch.setenv('PYTEST_DISABLE_PLUGIN_AUTOLOAD', '1')
    monkeypatch.setenv('PYTEST_ADDOPTS', '-p pytest_timeout')
    # Of the runner's environment, which is this process's: restored with it.
    monkeypatch.setenv('AIM_ROS_TEST_PAUSE', '0')

    def make(**bodies: str) -> None:
        for name, body in bodies.items():
            path = tmp_path / 'test' / f'{name.replace("__", "/test_")}.py'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'import pytest\n{body}\n')
    return make


PASSES = 'def test_passes(): pass'
FAILS = 'def test_fails(): assert False'
SKIPS = 'def test_skips(): pytest.skip("not here")'
CRASHES = 'def test_crashes():\n    import os\n    os.abort()'


def last_lines(capsys, count: int) -> list[str]:
    return capsys.readouterr().out.splitlines()[-count:]


def test_the_last_line_sums_all_processes_up(suite, capsys):
    suite(room__a=PASSES, room__b=SKIPS, nodes__c=f'{PASSES}\n{SKIPS}')
    assert run_tests.main([]) == 0
    assert last_lines(capsys, 1) == ['2 passed, 0 failed, 2 skipped']


@pytest.mark.parametrize('workers', ['1', '2'])
def test_it_goes_on_after_a_failure_and_lists_it(suite, capsys, workers):
    suite(room__a=FAILS, room__b=PASSES, nodes__a=FAILS, nodes__b=PASSES,
          nodes__c='import no_such_module')
    assert run_tests.main(['--workers', workers]) == 1
    *failures, total = last_lines(capsys, 4)
    assert total == '2 passed, 3 failed, 0 skipped'
    assert 'FAILED test/room/test_a.py::test_fails' in failures
    assert 'FAILED test/nodes/test_a.py::test_fails' in failures
    assert any('test_c' in failure for failure in failures)


def test_a_crash_takes_no_other_file_with_it(suite, capsys):
    suite(room__a=CRASHES, room__b=PASSES, room__c=FAILS)
    assert run_tests.main(['--workers', '1']) == 1
    *failures, total = last_lines(capsys, 3)
    assert total == '1 passed, 2 failed, 0 skipped'
    assert re.match(r'FAILED test/room/test_a\.py: pytest ended with exit code -6', failures[0])


@pytest.mark.parametrize('alone', [
    'def test_talks(ros): pass', 'def test_starts(make_node, tmp_path): pass',
    'import subprocess', 'import rclpy\nrclpy.init()'])
def test_what_talks_over_dds_or_starts_processes_has_a_process_for_each_file(suite, alone):
    suite(room__a=PASSES, room__b=PASSES, room__c=alone, nodes__a=alone, nodes__b=alone,
          nodes__c=PASSES, nodes__d=PASSES)
    jobs = run_tests.jobs_for([Path('test')], 2)
    assert [len(job.files) for job in jobs] == [2, 1, 2, 1, 1]
    assert [job.shared for job in jobs] == [True, True, True, False, False]


def test_nothing_found_is_no_success(suite, capsys):
    suite(room__a='')
    assert run_tests.main([]) == 1
    assert last_lines(capsys, 1) == ['0 passed, 0 failed, 0 skipped']
    with pytest.raises(SystemExit, match='there is no test/nowhere'):
        run_tests.main(['test/nowhere'])


def test_a_busy_run_repeats_the_tests_while_other_work_runs(suite, capsys, monkeypatch):
    suite(room__a=PASSES, nodes__a=PASSES)
    loops = []

    class Loop(subprocess.Popen):
        def __init__(self, command, **options):
            super().__init__(command, **options)
            if command[-1] == run_tests._BUSY:
                loops.append(self)

    monkeypatch.setattr(run_tests.subprocess, 'Popen', Loop)
    monkeypatch.setattr(run_tests.os, 'cpu_count', lambda: 1)
    assert run_tests.main(['--busy', '2']) == 0
    assert last_lines(capsys, 1) == ['2 passed, 0 failed, 0 skipped']
    loop, = loops
    assert loop.poll() is not None


def test_a_pause_is_handed_to_the_tests(suite, capsys):
    suite(room__a='import os\ndef test_passes(): assert os.environ["AIM_ROS_TEST_PAUSE"] == "1.5"')
    assert run_tests.main(['--pause', '1.5']) == 0
    assert last_lines(capsys, 1) == ['1 passed, 0 failed, 0 skipped']
