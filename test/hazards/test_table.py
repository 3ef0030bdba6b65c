from dataclasses import dataclass
import math

import numpy as np

from aim_ros.hazards.table import mapped
from aim_ros.hazards.table import objects
from aim_ros.hazards.table import side_by_side
from aim_ros.hazards.table import Table


@dataclass(eq=False)
class Names(Table):
    name: np.ndarray


@dataclass(eq=False)
class Things(Table):
    number: np.ndarray
    place: np.ndarray
    names: Names


def things(*numbers):
    """A table with a row for each number, which every column tells."""
    column = np.array(numbers, int)
    return Things(column, np.stack((column, -column), 1), Names(objects(list(map(str, numbers)))))


def rows(table):
    return list(zip(table.number.tolist(), map(tuple, table.place.tolist()),
                    table.names.name.tolist(), strict=True))


def test_rows_are_selected_in_all_columns():
    table = things(3, 5, 7)
    assert rows(table.select(np.array([2, 0]))) == rows(things(7, 3))
    assert len(table.select(np.empty(0, int))) == 0
    assert rows(table.where(table.number > 3)) == rows(things(5, 7))
    assert table.where(table.number > 0) is table
    assert len(table.where(table.number > 9)) == 0


def test_what_is_selected_is_a_copy():
    table = things(3, 5)
    some = table.select(np.array([0]))
    some.number[0], some.names.name[0] = 9, 'nine'
    assert rows(table) == rows(things(3, 5))


def test_rows_are_put_back():
    table = things(3, 5, 7)
    table.put(np.array([2, 0]), things(9, 8))
    assert rows(table) == rows(things(8, 5, 9))


def test_tables_are_joined_in_their_order():
    assert rows(things(3, 5).joined(things(1))) == rows(things(3, 5, 1))
    assert rows(things().joined(things(1))) == rows(things(1)) == rows(things(1).joined(things()))


def test_objects_may_be_sequences():
    assert objects([(1, 2), (3, 4)]).shape == (2,)
    assert objects([]).shape == (0,)


def test_columns_side_by_side():
    assert side_by_side(np.array([1, 2]), 0.5).tolist() == [[1, 0.5], [2, 0.5]]


def test_what_a_function_of_math_gives_is_exact():
    values = np.random.default_rng(0).uniform(-5, 5, 100)
    assert mapped(math.exp, values).tolist() == [math.exp(value) for value in values]
    assert mapped(math.atan2, values, values[::-1]).tolist() == [
        math.atan2(*pair) for pair in zip(values, values[::-1], strict=True)]
