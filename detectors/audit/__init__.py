"""How well trivial properties of files alone separate the two classes of a collection."""

from detectors.audit.shortcuts import Separation, Shortcuts, shortcut_auc
from detectors.audit.sound_properties import sound_properties

__all__ = ["Separation", "Shortcuts", "shortcut_auc", "sound_properties"]
