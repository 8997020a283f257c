"""Public benchmarks as code: a local folder -> labelled trials, with splits that are checked."""

from detectors.protocols.registry import PROTOCOLS, read_protocol
from detectors.protocols.sampling import frame_indices
from detectors.protocols.trials import Protocol, Trial

__all__ = ["PROTOCOLS", "Protocol", "Trial", "frame_indices", "read_protocol"]
