"""Tables of things that are alike: an array for each of their values, a row for each thing."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np


class Table:
    """
    Base of dataclasses whose fields are the columns of a table, (n, ...), or tables themselves.

    What is done to hundreds of things at once costs about what it costs to do it to one.
    """

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def select(self, rows: np.ndarray) -> Self:
        """Return a copy of some rows, by their indices, (m,)."""
        # A quarter of the time of `column[rows]`.
        return type(self)(**{
            name: column.select(rows) if isinstance(column, Table) else column.take(rows, 0)
            for name, column in vars(self).items()})

    def where(self, mask: np.ndarray) -> Self:
        """Return the rows of a mask, bool (n,); the table itself, not a copy, if that is all."""
        return self if mask.all() else self.select(mask.nonzero()[0])

    def put(self, rows: np.ndarray, other: Self) -> None:
        """Replace some rows, by their indices, (m,), by those of another table."""
        columns = vars(other)
        for name, column in vars(self).items():
            if isinstance(column, Table):
                column.put(rows, columns[name])
            else:
                column[rows] = columns[name]

    def joined(self, other: Self) -> Self:
        """Return a table of the rows of this one, and then those of another."""
        if not len(self) or not len(other):
            return self if len(self) else other
        columns = vars(other)
        return type(self)(**{
            name: column.joined(columns[name]) if isinstance(column, Table)
            else np.concatenate((column, columns[name]))
            for name, column in vars(self).items()})


def objects(values: Sequence[Any]) -> np.ndarray:
    """Return a column of any objects, (n,)."""
    # Not `np.array`, which takes tuples for rows.
    return np.fromiter(values, object, len(values))


def side_by_side(*columns: np.ndarray | float) -> np.ndarray:
    """Return columns, of which the first is an array (n,), as float64 (n, number of them)."""
    # A third of the time of `np.stack`.
    table = np.empty((len(columns[0]), len(columns)))
    for number, column in enumerate(columns):
        table[:, number] = column
    return table


def mapped(function: Callable[..., float], *columns: np.ndarray) -> np.ndarray:
    """
    Return what a function of `math` gives for each row, float64 (n,).

    numpy's own `exp`, `log` and `arctan2` hang on the processor in the last digit.
    """
    return np.fromiter(
        map(function, *(column.tolist() for column in columns)), np.float64, len(columns[0]))
