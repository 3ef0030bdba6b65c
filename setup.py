from pathlib import Path

from setuptools import find_packages
from setuptools import setup

PACKAGE = 'aim_ros'
HERE = Path(__file__).parent
# Those of a developer's machine, and of one without ROS, are no part of the package.
EXTRAS = sorted({path.stem.removeprefix('requirements-')
                 for path in HERE.glob('requirements-*.txt')} - {'dev', 'ros'})


def share(*folders):
    """List every file below `folders` as setuptools data files under share/aim_ros."""
    files = {}
    for folder in folders:
        for path in sorted((HERE / folder).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                path = path.relative_to(HERE)
                files.setdefault(f'share/{PACKAGE}/{path.parent}', []).append(str(path))
    return list(files.items())


def requirements(name):
    """List what requirements-<name>.txt asks for."""
    lines = (HERE / f'requirements-{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith(('#', '-r'))]


setup(
    name=PACKAGE,
    version='0.2.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={f'{PACKAGE}.experiments': ['*.j2'],
                  f'{PACKAGE}.nodes.tuner': ['static/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        *share('config', 'launch', 'models'),
    ],
    install_requires=['setuptools'],
    extras_require={
        # By `test`, colcon tells that the tests are pytest's.
        name: requirements(name) for name in EXTRAS
    },
    zip_safe=False,
    maintainer='aim_ros developers',
    maintainer_email='aim_ros@users.noreply.github.com',
    description='SegFormer on camera topics, modulated by driver profiles, with safety alerts',
    license='Apache-2.0',
    python_requires='>=3.11',
    entry_points={
        'console_scripts': [
            'segmentation = aim_ros.nodes.__main__:segmentation',
            'replay = aim_ros.nodes.__main__:replay',
            'alert_listener = aim_ros.nodes.alert_listener:main',
            'demo = aim_ros.nodes.demo.cli:main',
            'experiments = aim_ros.experiments.cli:main',
            'export = aim_ros.deployment.__main__:main',
            'kitti_to_bag = aim_ros.recordings.kitti_to_bag:main',
            'process_bag = aim_ros.recordings.process_bag:main',
            'tuner = aim_ros.nodes.tuner.cli:main',
            'train = aim_ros.training.cli:main',
        ],
    },
)
