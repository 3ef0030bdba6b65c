"""Whatever rclpy refuses at start ends an executable with one sentence and the exit code 1."""

import pytest

PARAMETERS = """
/**:
  ros__parameters:
    {}
"""


@pytest.mark.parametrize('executable', ['segmentation', 'replay'])
@pytest.mark.parametrize(('line', 'sentence'), [
    ("use_sim_time: 'true'", "use_sim_time must be true or false, without quotes; got 'true'"),
    ('start_type_description_service: 1', 'start_type_description_service must be true or false'),
    ('rate: [1, fast]', 'Sequence should be of same type'),
])
def test_a_parameter_file_that_rclpy_refuses(start_process, tmp_path, executable, line, sentence):
    file = tmp_path / 'parameters.yaml'
    file.write_text(PARAMETERS.format(line))
    process = start_process(executable, '--params-file', str(file))
    assert process.wait() == 1, process.lines
    assert sum(sentence in line for line in process.lines) == 1, process.lines
    assert len(process.lines) <= 2, process.lines


def test_an_override_of_qos_that_rclpy_would_refuse(start_process):
    name = 'qos_overrides./camera/image.publisher.depth'
    process = start_process('replay', '-p', f'{name}:=five')
    assert process.wait() == 1
    line, = process.lines
    assert f"{name} must be an integer, got 'five'" in line
