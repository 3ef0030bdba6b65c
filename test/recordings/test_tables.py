"""The tables, and the queries of docs/fleet.md upon them."""

from pathlib import Path
import re

import pytest
from recording_scenes import write_scenes

from aim_ros.recordings.process_bag import main

parquet = pytest.importorskip(
    'pyarrow.parquet',
    reason='pyarrow is not installed: pip install -r requirements-fleet.txt')

DOCS = Path(__file__).resolve().parents[2] / 'docs' / 'fleet.md'


@pytest.fixture(scope='module')
def results(tmp_path_factory, model) -> Path:
    folder = tmp_path_factory.mktemp('fleet')
    bags = [write_scenes(folder / name, 8, ('left', 'right')) for name in ('a', 'b')]
    with pytest.MonkeyPatch.context() as patch:
        # As of recordings of hours.
        patch.setattr('aim_ros.recordings.tables._PACKED_ROWS', 5)
        for profile in ('neutral', 'city'):
            assert main([*map(str, bags), '--out', str(folder / profile), '--profile', profile,
                         '--model', model, '--engine', 'torch', '--device', 'cpu', '--table']
                        ) == 0
    (folder / 'results').mkdir()
    for profile in ('neutral', 'city'):
        for part in (folder / profile / 'alerts').rglob('*.parquet'):
            target = folder / 'results' / part.relative_to(folder / profile)
            target.parent.mkdir(parents=True, exist_ok=True)
            part.rename(target)
    return folder / 'results'


def test_a_row_is_a_road_user_in_a_frame(results):
    table = parquet.read_table(results / 'alerts')
    rows = table.to_pylist()
    assert {row['drive'] for row in rows} == {'a', 'b'}
    assert {row['profile'] for row in rows} == {'neutral', 'city'}
    assert {row['camera'] for row in rows} == {'left', 'right'}
    frames = {(row['drive'], row['profile'], row['camera'], row['stamp']) for row in rows}
    assert len(frames) == 2 * 2 * 2 * 8
    raised = [row for row in rows if row['road_user'] is not None]
    assert raised
    for row in raised:
        assert row['kind']
        assert row['level'] in ('WARN', 'ERROR')
        assert 0 < row['area_share'] < 1
        assert 0 <= row['modulated_share'] <= 1
        assert 'aim_ros' in row['versions']
    assert {row['level'] for row in rows if row['road_user'] is None} <= {'OK'}


def test_rows_are_packed_before_they_are_many(tmp_path, monkeypatch):
    from aim_ros.recordings import tables
    monkeypatch.setattr(tables, '_PACKED_ROWS', 5)
    monkeypatch.setattr(tables, 'rows_of', lambda frame, drive, versions: [
        {'drive': drive, 'profile': 'city', 'road_user': frame * 2 + k} for k in range(2)])
    rows = tables.Partition('a', 'city', '')
    for frame in range(50):
        rows.add(frame)
        assert rows.loose <= 5
    rows.write(tmp_path)
    written = parquet.read_table(tmp_path / 'alerts')
    assert written['road_user'].to_pylist() == list(range(100))
    assert set(written['drive'].to_pylist()) == {'a'}


def query(language: str) -> str:
    return re.search(rf'```{language}\n(.*?)```', DOCS.read_text(), re.DOTALL)[1]


def test_the_query_for_duckdb_runs(results, monkeypatch):
    duckdb = pytest.importorskip(
        'duckdb', reason='duckdb is not installed: requirements-dev.txt')
    monkeypatch.chdir(results.parent)
    assert duckdb.sql(query('sql')).fetchall()


@pytest.mark.parametrize('library', ['polars', 'pandas'])
def test_the_queries_in_python_run(results, monkeypatch, library):
    pytest.importorskip(
        library, reason=f'{library} is not installed: requirements-dev.txt')
    monkeypatch.chdir(results.parent)
    codes = re.findall(r'```python\n(.*?)```', DOCS.read_text(), re.DOTALL)
    code = next(code for code in codes if f'import {library}' in code)
    scope: dict = {}
    exec(code, scope)
    assert len(scope['answer']) > 0
