"""Allowed values in a parameter's description: a list that people read, and the tuner."""

from collections.abc import Iterable
import csv
import io

ONE_OF, ANY_OF = 'one of: ', 'any of: '


def choice_text(start: str, choices: Iterable[str]) -> str:
    """
    Return a list of choices for ``additional_constraints``, as in ``one of: a, b``.

    It is a line of CSV: a choice in which the comma would part it is quoted.

    :param start: `ONE_OF` or `ANY_OF`.
    """
    return start + ', '.join(map(_quoted, choices))


def choices_of(text: str) -> tuple[str, ...]:
    """Return the choices that a text of `choice_text` lists; of another text, none."""
    start = next((start for start in (ONE_OF, ANY_OF) if text.startswith(start)), None)
    if start is None:
        return ()
    # Of a text that another program wrote, each line is read.
    lines = io.StringIO(text.removeprefix(start), newline='')
    return tuple(choice for row in csv.reader(lines, skipinitialspace=True) for choice in row)


def _quoted(choice: str) -> str:
    if choice and choice == choice.strip() and not set(choice) & set(',"\r\n'):
        return choice
    return '"' + choice.replace('"', '""') + '"'
