"""The bond with Nav2's lifecycle manager, by a stand-in with the interface of bondpy."""

import importlib
import sys
from types import ModuleType
from types import SimpleNamespace

import pytest

from aim_ros.nodes.segmentation import bond

NODE = SimpleNamespace(get_name=lambda: 'segmentation')


class StandIn:
    """As `bondpy.bondpy.Bond`: heartbeats are set before `start`, and never after."""

    made = []

    def __init__(self, node, topic, bond_id, on_broken=None, on_formed=None):
        self.arguments = node, topic, bond_id
        self.calls = []
        self.made.append(self)

    def __setattr__(self, name, value):
        assert name in ('arguments', 'calls') or not self.calls, 'bondpy asserts the same'
        super().__setattr__(name, value)

    def start(self):
        self.calls.append('start')

    def shutdown(self):
        self.calls.append('shutdown')


@pytest.fixture
def bondpy(monkeypatch):
    """Make a stand-in for bondpy importable."""
    package, module = ModuleType('bondpy'), ModuleType('bondpy.bondpy')
    package.bondpy, module.Bond = module, StandIn
    monkeypatch.setitem(sys.modules, 'bondpy', package)
    monkeypatch.setitem(sys.modules, 'bondpy.bondpy', module)
    monkeypatch.setattr(StandIn, 'made', [])
    importlib.reload(bond)
    yield StandIn
    monkeypatch.undo()
    importlib.reload(bond)


def test_where_bondpy_is_there_a_bond_is_formed_and_ended(bondpy):
    ours = bond.Bond(NODE)
    ours.end()
    assert not bondpy.made
    ours.form()
    made, = bondpy.made
    assert made.arguments == (NODE, 'bond', 'segmentation')
    assert (made.heartbeat_period, made.heartbeat_timeout) == (0.1, 4.0)
    assert made.calls == ['start']
    ours.end()
    ours.end()
    assert made.calls == ['start', 'shutdown']
    ours.form()
    assert len(bondpy.made) == 2


def test_without_bondpy_there_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, 'bondpy', None)
    importlib.reload(bond)
    ours = bond.Bond(NODE)
    ours.form()
    ours.end()


def test_the_node_has_a_bond_while_it_is_active(bondpy, make_node, monkeypatch):
    monkeypatch.setattr('aim_ros.nodes.segmentation.node.Bond', bond.Bond)
    node = make_node()
    made, = bondpy.made
    assert made.arguments == (node, 'bond', 'segmentation')
    node.trigger_deactivate()
    assert made.calls == ['start', 'shutdown']
    node.trigger_activate()
    assert len(bondpy.made) == 2
