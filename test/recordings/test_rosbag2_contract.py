"""
What is written, held against what rosbag2 reads, and by readers that are not the writer's.

rosbag2 itself was not at hand. Its part is repeated here from its source (ros2/rosbag2, commit
25304dd of October 2024): ``rosbag2_storage/yaml.hpp`` and ``qos.cpp``, ``mcap_storage.cpp``,
``sqlite_storage.cpp``. The type's hash is demanded in metadata.yaml and by sqlite3 alone: mcap's
``topic_type_hash`` may be missing, and rosbags writes none.
"""

from contextlib import closing
from pathlib import Path
import sqlite3

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
import pytest
from recording_scenes import write_scenes
import yaml

from aim_ros.media.bag_types import deserialize
from aim_ros.media.bag_types import TYPES
from aim_ros.recordings.kitti_to_bag import main as kitti_to_bag
from aim_ros.recordings.process_bag import main as process_bag

VERSION = 9
"""Of the metadata, which Jazzy's and later ones' rosbag2 have."""

POLICIES = {
    'history': {'keep_last', 'keep_all', 'system_default'},
    'reliability': {'reliable', 'best_effort', 'system_default'},
    'durability': {'volatile', 'transient_local', 'system_default'},
    'liveliness': {'automatic', 'manual_by_topic', 'system_default'},
}
"""The words of ``rmw_qos_*_policy_from_str`` that rosbag2 takes."""

VISION_HASHES = {
    'Detection2DArray': '214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968',
    'LabelInfo': '3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783',
}
"""RIHS01 of the definitions in ros-perception/vision_msgs, tag 4.1.1, by rosbags."""


@pytest.fixture(params=['kitti_to_bag', 'kitti_to_bag --compressed', 'process_bag'])
def make(request, tmp_path, network):
    """Return a function that makes a recording by one of the commands, in a storage."""
    def make(storage: str) -> Path:
        options = ['--storage', storage]
        command, *more = request.param.split()
        if command == 'kitti_to_bag':
            bag = tmp_path / 'bag'
            source = 'street:frames=3,size=48x96,rate=20'
            assert kitti_to_bag([source, str(bag), *options, *more]) == 0
            return bag
        drive = write_scenes(tmp_path / 'drive', 3, ('left', 'right'), extra=True)
        out = tmp_path / 'out'
        assert process_bag([
            str(drive), '--out', str(out), '--with-inputs', *options, *network]) == 0
        return out / 'drive'
    return make


def metadata(bag: Path) -> dict:
    return yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']


def is_unsigned(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**64


def check_profiles(profiles: object) -> None:
    """Check QoS profiles as ``convert<rclcpp::QoS>::decode`` of version 9 reads them."""
    assert isinstance(profiles, list)
    for profile in profiles:
        for name, words in POLICIES.items():
            assert profile[name] in words
        assert is_unsigned(profile['depth'])
        for name in ('deadline', 'lifespan', 'liveliness_lease_duration'):
            assert is_unsigned(profile[name]['sec'])
            assert is_unsigned(profile[name]['nsec'])
        assert isinstance(profile['avoid_ros_namespace_conventions'], bool)


def check_metadata(found: dict, bag: Path, storage: str) -> None:
    """Check metadata as ``convert<BagMetadata>::decode`` reads them."""
    assert found['version'] == VERSION
    assert found['storage_identifier'] == storage
    assert found['compression_format'] == found['compression_mode'] == ''
    assert isinstance(found['ros_distro'], str)
    assert all(isinstance(text, str) for pair in (found['custom_data'] or {}).items()
               for text in pair)
    assert is_unsigned(found['duration']['nanoseconds'])
    assert is_unsigned(found['starting_time']['nanoseconds_since_epoch'])
    counts = [topic['message_count'] for topic in found['topics_with_message_count']]
    assert found['message_count'] == sum(counts)
    assert all(counts)
    file, = found['files']
    assert [file['path']] == found['relative_file_paths']
    assert (bag / file['path']).is_file()
    for name in ('duration', 'starting_time', 'message_count'):
        assert file[name] == found[name]
    for topic in found['topics_with_message_count']:
        described = topic['topic_metadata']
        assert described['name'].startswith('/')
        assert described['type'].split('/')[1] == 'msg'
        assert described['serialization_format'] == 'cdr'
        assert described['type_description_hash'] == TYPES.hash_rihs01(described['type'])
        check_profiles(described['offered_qos_profiles'])


def topics_of(found: dict) -> dict[str, dict]:
    return {topic['topic_metadata']['name']: {**topic['topic_metadata'],
                                              'count': topic['message_count']}
            for topic in found['topics_with_message_count']}


def test_mcap(make):
    bag = make('mcap')
    found = metadata(bag)
    check_metadata(found, bag, 'mcap')
    expected = topics_of(found)
    with (bag / found['files'][0]['path']).open('rb') as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == 'ros2'
        summary = reader.get_summary()
        # Played by time of receipt, which needs an index.
        assert summary.chunk_indexes
        assert all(chunk.message_index_length for chunk in summary.chunk_indexes)
        record, = reader.iter_metadata()
        assert record.name == 'rosbag2'
        assert yaml.safe_load(record.metadata['serialized_metadata']) == found
        statistics = summary.statistics
        assert statistics.message_count == found['message_count']
        start = found['starting_time']['nanoseconds_since_epoch']
        assert statistics.message_start_time == start
        assert statistics.message_end_time == start + found['duration']['nanoseconds']

        assert {channel.topic for channel in summary.channels.values()} == set(expected)
        for identity, channel in summary.channels.items():
            topic, schema = expected[channel.topic], summary.schemas[channel.schema_id]
            assert channel.message_encoding == 'cdr'
            assert (schema.name, schema.encoding) == (topic['type'], 'ros2msg')
            assert statistics.channel_message_counts[identity] == topic['count']
            assert yaml.safe_load(
                channel.metadata['offered_qos_profiles']) == topic['offered_qos_profiles']

        # By the definitions in the file, which must be whole for that.
        times = []
        for schema, _, message, decoded in reader.iter_decoded_messages():
            times.append(message.log_time)
            ours = deserialize(message.data, schema.name, 'test')
            assert sorted(decoded.__slots__) == sorted(
                name for name in vars(ours) if not name.startswith('__'))
            if hasattr(ours, 'header'):
                assert decoded.header.stamp.sec == ours.header.stamp.sec
                assert decoded.header.frame_id == ours.header.frame_id
        assert len(times) == found['message_count']
        assert times == sorted(times)


COLUMNS = {
    'schema': ['schema_version', 'ros_distro'],
    'metadata': ['id', 'metadata_version', 'metadata'],
    'topics': ['id', 'name', 'type', 'serialization_format', 'offered_qos_profiles',
               'type_description_hash'],
    'message_definitions': ['id', 'topic_type', 'encoding', 'encoded_message_definition',
                            'type_description_hash'],
    'messages': ['id', 'topic_id', 'timestamp', 'data'],
}
"""The tables of ``SqliteStorage::initialize``, schema version 4."""


def test_sqlite3(make):
    bag = make('sqlite3')
    found = metadata(bag)
    check_metadata(found, bag, 'sqlite3')
    expected = topics_of(found)
    file = (bag / found['files'][0]['path']).as_uri()
    with closing(sqlite3.connect(f'{file}?mode=ro', uri=True)) as database:
        def rows(query: str) -> list[tuple]:
            return database.execute(query).fetchall()

        assert rows('PRAGMA integrity_check') == [('ok',)]
        for table, columns in COLUMNS.items():
            assert [row[1] for row in rows(f'PRAGMA table_info({table})')] == columns
        assert rows("SELECT tbl_name FROM sqlite_master WHERE name = 'timestamp_idx'") == [
            ('messages',)]
        (version, distribution), = rows('SELECT schema_version, ros_distro FROM schema')
        assert (version, distribution) == (4, found['ros_distro'])
        # The last row counts.
        version, text = rows('SELECT metadata_version, metadata FROM metadata ORDER BY id')[-1]
        assert version == VERSION
        assert yaml.safe_load(text) == found

        topics = rows('SELECT name, type, serialization_format, offered_qos_profiles, '
                      'type_description_hash, (SELECT COUNT(*) FROM messages '
                      'WHERE topic_id = topics.id) FROM topics')
        assert {name: (kind, form, yaml.safe_load(qos), digest, count)
                for name, kind, form, qos, digest, count in topics} == {
            name: tuple(topic[key] for key in (
                'type', 'serialization_format', 'offered_qos_profiles', 'type_description_hash',
                'count'))
            for name, topic in expected.items()}
        definitions = rows('SELECT topic_type, encoding, encoded_message_definition, '
                           'type_description_hash FROM message_definitions')
        assert sorted(kind for kind, *_ in definitions) == sorted(
            {topic['type'] for topic in expected.values()})
        for kind, encoding, definition, digest in definitions:
            assert encoding == 'ros2msg'
            assert definition == TYPES.generate_msgdef(kind, ros_version=2)[0]
            assert digest == TYPES.hash_rihs01(kind)
        times = [time for time, in rows('SELECT timestamp FROM messages ORDER BY id')]
        start = found['starting_time']['nanoseconds_since_epoch']
        assert (times[0], times[-1] - times[0]) == (start, found['duration']['nanoseconds'])
        assert times == sorted(times)


@pytest.mark.parametrize(('name', 'digest'), VISION_HASHES.items())
def test_vision_msgs_hash_as_their_own_definitions(name, digest):
    assert TYPES.hash_rihs01(f'vision_msgs/msg/{name}') == f'RIHS01_{digest}'
