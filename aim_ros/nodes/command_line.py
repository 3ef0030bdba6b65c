"""
The command lines of the package's nodes: ``--help`` with an example, and no argument unnoticed.

rclpy leaves alone what is not between ``--ros-args`` and ``--``, also a parameter that was
misspelt: the node would run with its default.
"""

import argparse
from collections.abc import Sequence
import sys
from typing import NoReturn

_ROS = '--ros-args'


class NodeParser(argparse.ArgumentParser):
    """
    A parser that leaves ROS arguments to rclpy.

    :param prog: the executable's name.
    :param description: what it does.
    :param examples: command lines, for the end of ``--help``.
    """

    def __init__(self, prog: str, description: str, *examples: str):
        lines = '\n'.join(f'  {example}' for example in examples)
        super().__init__(
            prog=prog, description=description, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            usage=f'{prog} [options] [{_ROS} ...]',
            epilog=f'example{"s" if len(examples) > 1 else ""}:\n{lines}')

    def parse(self, args: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
        """
        Parse a command line.

        A wrong one, or ``--help``, ends the process, with code 2 or 0.

        :param args: without the program; None takes the process's.
        :return: the options, and the ROS arguments, as rclpy's ``init`` takes them.
        """
        own, ros = split_ros_arguments(sys.argv[1:] if args is None else args)
        given, unknown = self.parse_known_args(own)
        if unknown:
            hint = (f'; parameters and remappings follow {_ROS}, as in {_ROS} -p {unknown[0]}'
                    if ':=' in unknown[0] else '')
            self.error(f'unrecognized arguments: {" ".join(unknown)}{hint}')
        return given, ros

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in a sentence, and exit."""
        self.exit(2, f'{self.prog}: {message}; see {self.prog} --help\n')


def split_ros_arguments(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """
    Part a command line into a program's own arguments and those of ROS.

    The latter stand between ``--ros-args`` and ``--``, or the end, as often as one likes.
    """
    own, ros, of_ros = [], [], False
    for argument in args:
        if argument == _ROS:
            of_ros = True
        elif of_ros and argument == '--':
            ros.append(argument)
            of_ros = False
            continue
        (ros if of_ros else own).append(argument)
    return own, ros
