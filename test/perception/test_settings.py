import dataclasses

import pytest

from aim_ros.hazards.alerts import AlertSettings
from aim_ros.modulation import Modulation
from aim_ros.perception.settings import Mount
from aim_ros.perception.settings import Settings


def test_settings_are_frozen_down_to_the_mounts():
    mounts = {'left': Mount(1.2, 0.1)}
    settings = Settings(1, 'neutral', Modulation(), AlertSettings(()), mounts=mounts)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.stale_after = 0.0
    with pytest.raises(TypeError):
        settings.mounts['left'] = Mount()
    mounts['left'] = Mount()
    assert settings.mounts == {'left': Mount(1.2, 0.1)}
    assert dataclasses.replace(settings, revision=1) == settings
    assert dataclasses.replace(settings, mounts={}) != settings
