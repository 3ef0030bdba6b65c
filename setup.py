from pathlib import Path

from setuptools import find_packages
from setuptools import setup

PACKAGE = 'aim_ros'
HERE = Path(__file__).parent


def share(*folders):
    """List every file below `folders` as setuptools data files under share/aim_ros."""
    files = {}
    for folder in folders:
        for path in sorted((HERE / folder).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                path = path.relative_to(HERE)
                files.setdefault(f'share/{PACKAGE}/{path.parent}', []).append(str(path))
    return list(files.items())


setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        *share('config', 'launch', 'models', 'examples'),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='aim_ros developers',
    maintainer_email='aim_ros@users.noreply.github.com',
    description='SegFormer on camera topics, modulated by driver profiles, with safety alerts',
    license='Apache-2.0',
    python_requires='>=3.11',
    entry_points={
        'console_scripts': [
            'segmentation = aim_ros.nodes.entry_points:segmentation',
            'replay = aim_ros.nodes.entry_points:replay',
            'demo = aim_ros.nodes.demo:main',
        ],
    },
)
