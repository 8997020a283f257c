"""Files to frames and samples, and back. The only package that touches PyAV."""

from avsynth.media.audio import AudioChunk, read_audio
from avsynth.media.box import Box
from avsynth.media.encoding import EncoderSettings
from avsynth.media.frame import Frame
from avsynth.media.info import AudioInfo, ColourTags, MediaInfo, VideoInfo
from avsynth.media.join import Joined, join
from avsynth.media.opening import sha256_file
from avsynth.media.orientation import Orientation
from avsynth.media.output import atomic_output, remove_left_over, same_file
from avsynth.media.probe import probe
from avsynth.media.reader import FrameReader, read_frames
from avsynth.media.segments import SegmentWriter
from avsynth.media.writer import Writer, video_like

__all__ = [
    "AudioChunk",
    "AudioInfo",
    "Box",
    "ColourTags",
    "EncoderSettings",
    "Frame",
    "FrameReader",
    "Joined",
    "MediaInfo",
    "Orientation",
    "SegmentWriter",
    "VideoInfo",
    "Writer",
    "atomic_output",
    "join",
    "probe",
    "read_audio",
    "read_frames",
    "remove_left_over",
    "same_file",
    "sha256_file",
    "video_like",
]
