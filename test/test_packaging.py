"""What package.xml, setup.py and the requirement files say of the package."""

import ast
from pathlib import Path
import re
import subprocess
import sys

from extras import EXTRAS
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'aim_ros'

# catkin_pkg is older than the pyparsing that it is used with.
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')

# By rosdep's names.
APT = {'cv2': 'python3-opencv', 'numba': 'python3-numba', 'numpy': 'python3-numpy',
       'PIL': 'python3-pil', 'rich': 'python3-rich', 'scipy': 'python3-scipy',
       'yaml': 'python3-yaml', 'jinja2': 'python3-jinja2', 'matplotlib': 'python3-matplotlib'}


def imported(folder: Path) -> set[str]:
    """Return the top-level packages that the files below a folder import, wherever they do."""
    names = set()
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition('.')[0])
    return names


def is_ros(name: str) -> bool:
    return name.endswith(('_msgs', '_srvs', '_interfaces')) or name in (
        'rclpy', 'launch', 'launch_ros', 'ament_index_python', 'cv_bridge', 'tf2_ros')


@pytest.fixture(scope='module')
def package():
    """package.xml as colcon reads it: invalid, it would make a plain Python package of this."""
    parser = pytest.importorskip(
        'catkin_pkg.package', reason='catkin_pkg is not installed: requirements-dev.txt')
    warnings = []
    package = parser.parse_package(str(ROOT), warnings=warnings)
    package.validate(warnings=warnings)
    assert not warnings
    return package


def names(dependencies, *, experiments: bool) -> set[str]:
    for dependency in dependencies:
        dependency.evaluate_condition({'AIM_ROS_EXPERIMENTS': '1' if experiments else ''})
    return {dependency.name for dependency in dependencies if dependency.evaluated_condition}


def test_the_package_is_valid_and_of_the_build_type_that_colcon_looks_for(package):
    assert package.package_format == 3
    package.evaluate_conditions({})
    assert package.get_build_type() == 'ament_python'


def test_the_weights_have_a_licence_of_their_own(package):
    code, weights = package.licenses
    assert code == 'Apache-2.0'
    assert 'research' in weights
    assert 'Research use only, non-commercial' in (ROOT / weights.file).read_text()
    assert (ROOT / code.file).is_file()


def test_all_that_is_imported_is_declared_and_nothing_else(package):
    used = imported(PACKAGE)
    expected = {name for name in used if is_ros(name)} | {
        APT[name] for name in used if name in APT}
    # The launch files' own, and what rclpy's lifecycle and the messages hold.
    declared = names(package.exec_depends, experiments=True)
    assert expected <= declared, expected - declared
    assert declared - expected <= {'builtin_interfaces', 'launch', 'launch_ros',
                                   'lifecycle_msgs'}, declared - expected


def test_what_only_experiments_need_is_not_forced_on_a_vehicle(package):
    elsewhere = set().union(*(imported(room) for room in PACKAGE.iterdir()
                              if room.is_dir() and room.name != 'experiments'))
    on_vehicle = names(package.exec_depends, experiments=False)
    optional = names(package.exec_depends, experiments=True) - on_vehicle
    assert optional == {'python3-jinja2', 'python3-matplotlib'}
    assert not elsewhere & {'jinja2', 'matplotlib'}


def test_what_the_tests_import_is_declared(package):
    used = imported(ROOT / 'test')
    declared = {dependency.name for dependency in package.test_depends}
    assert {'hypothesis', 'pytest'} <= used
    assert {'python3-hypothesis', 'python3-pytest', 'launch_pytest'} <= declared


def setup_extras() -> dict[str, list[str]]:
    """Return extras_require as setuptools, and so colcon, sees it."""
    script = ('import json, setuptools; '
              'setuptools.setup = lambda **options: print(json.dumps(options["extras_require"])); '
              'exec(compile(open("setup.py").read(), "setup.py", "exec"), '
              '{"__file__": "setup.py", "__name__": "__main__"})')
    return ast.literal_eval(subprocess.run(
        [sys.executable, '-c', script], cwd=ROOT, check=True, text=True,
        stdout=subprocess.PIPE).stdout)


def test_colcon_finds_that_the_tests_are_pytests():
    extras = setup_extras()
    required = {re.split(r'[<>=; ]', line)[0] for line in extras['test']}
    assert {'pytest', 'pytest-timeout', 'hypothesis'} == required
    assert {'experiments', 'test', 'text', 'train'} <= set(extras)
    assert not {'dev', 'ros'} & set(extras)


def test_the_extras_are_what_the_requirement_files_install():
    for module, name in EXTRAS.items():
        lines = (ROOT / f'requirements-{name}.txt').read_text().lower()
        assert module in lines.replace('-', '_'), module


def test_the_entry_points_exist():
    lines = re.findall(r"'\w+ = ([\w.]+):(\w+)'", (ROOT / 'setup.py').read_text())
    assert len(lines) > 4
    for module, function in lines:
        path = ROOT / (module.replace('.', '/') + '.py')
        tree = ast.parse(path.read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_a_container_is_stopped_by_the_signal_that_a_launch_heeds():
    # That it does: test/launch. SIGTERM it leaves to the default action, which a container's
    # first process is spared; in a terminal it passes SIGINT on to nobody.
    lines = (ROOT / 'Dockerfile').read_text().splitlines()
    assert 'STOPSIGNAL SIGINT' in lines
    start, = (line for line in lines if line.startswith('ENTRYPOINT'))
    assert 'exec ' in start
    command, = (line for line in lines if line.startswith('CMD'))
    assert '"--noninteractive"' in command
