import csv
import re

import numpy as np
from PIL import Image
import pytest

from aim_ros.experiments.plots import plot_curves
from aim_ros.experiments.plots import plot_grid
from aim_ros.experiments.plots import Series
from aim_ros.experiments.report import format_cell
from aim_ros.experiments.report import Report
from aim_ros.experiments.statistics import mean_interval

X = np.array([0.0, 1.0, 2.0])


def write(report):
    return report.write(command='experiments x --out "a b"', data='two <images>', seeds='0 to 2',
                        checksums={'model': 'abc123'}).read_text(encoding='utf-8')


def test_the_page_holds_everything_itself(tmp_path):
    report = Report(tmp_path, 'A title')
    report.heading('Part')
    report.paragraph('1 < 2')
    report.preformatted('a: 1\n  b')
    report.table('numbers', [{'name': 'x', 'value': 1 / 3}], 'A table')
    report.figure('plot', plot_curves([Series('a', X, X)], x_label='sigma', y_label='%'), 'A plot')
    report.picture('image', np.zeros((4, 5, 3), np.uint8), 'An image')
    page = write(report)
    sources = re.findall(r'src="([^"]*)"', page)
    assert [source[:15] for source in sources] == ['data:image/png;', 'data:image/jpeg']
    assert not re.search(r'(href|url\()', page)
    for text in ('A title', '1 &lt; 2', 'a: 1\n  b', '0.333', 'experiments x --out', 'two &lt;',
                 '0 to 2', 'abc123', 'torch 2'):
        assert text in page
    assert {path.name for path in tmp_path.iterdir()} == {
        'report.html', 'numbers.csv', 'plot.png', 'image.jpg'}
    assert Image.open(tmp_path / 'image.jpg').size == (5, 4)


def test_a_file_beside_the_page_is_linked(tmp_path):
    report = Report(tmp_path, 't')
    report.link('a b#1.mp4', 'the <first> drive')
    assert '<a href="a%20b%231.mp4">the &lt;first&gt; drive</a>' in write(report)


def test_a_csv_has_all_digits(tmp_path):
    Report(tmp_path, 't').data('numbers', [{'x': 1 / 3, 'y': 'a,b'}])
    with (tmp_path / 'numbers.csv').open() as file:
        [row] = csv.DictReader(file)
    assert float(row['x']) == 1 / 3
    assert row['y'] == 'a,b'


@pytest.mark.parametrize(('columns', 'rows', 'head'), [
    (10, 2, ['name', *(f'c{i}' for i in range(9))]),
    (11, 2, ['name', 'r0', 'r1']),
    (11, 11, ['name', *(f'c{i}' for i in range(10))]),
])
def test_a_wide_table_stands_on_its_side(tmp_path, columns, rows, head):
    report = Report(tmp_path, 't')
    report.table('wide', [{'name': f'r{number}', **dict.fromkeys(
        (f'c{i}' for i in range(columns - 1)), number)} for number in range(rows)], 'c')
    page = write(report)
    assert re.findall('<th>(.*?)</th>', page) == head
    # The head takes a row of cells, or a column.
    cells = columns * (rows + 1)
    assert page.count('<td>') == cells - len(head)
    with (tmp_path / 'wide.csv').open() as file:
        assert len(next(csv.reader(file))) == columns


def test_cells_read_well():
    cells = [format_cell(value, 2) for value in (1 / 3, np.float32(2), float('nan'), None, 12345,
                                                 np.int64(7), 'x', True)]
    assert cells == ['0.33', '2.00', '–', '–', '12,345', '7', 'x', 'True']


def test_curves_have_labels_and_bands():
    interval = mean_interval(np.stack([X, X + 1, X + 2]))
    figure = plot_curves([Series('drawn', X, interval), Series('exact', X, X)],
                         x_label='sigma (logits)', y_label='mIoU (%)', references={'chance': 1.0})
    [axes] = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ('sigma (logits)', 'mIoU (%)')
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        'drawn', 'exact', 'chance']
    np.testing.assert_allclose(axes.lines[0].get_ydata(), X + 1)
    [band] = axes.collections
    assert band.get_paths()[0].vertices[:, 1].max() == interval.high.max()
    assert len({line.get_color() for line in axes.lines}) == 3
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()


def test_a_grid_has_a_panel_a_title():
    panels = {name: [Series('a', X, X)] for name in ('one', 'two', 'three')}
    figure = plot_grid(panels, x_label='x', y_label='y', columns=2, vertical={'limit': 0.5})
    assert [axes.get_title() for axes in figure.axes] == ['one', 'two', 'three']
    # Which only matplotlib 3.8 and later give by a name.
    assert {'x', 'y'} <= {text.get_text() for text in figure.texts}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['a', 'limit']
