"""``repeat``: a film over and over, without encoding it again, for what needs length alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

from avsynth.media.opening import StrPath, demuxed, open_input
from avsynth.media.output import atomic_output, writing


def repeat(path: StrPath, out: StrPath, times: int, length: Fraction) -> None:
    """Write ``times`` copies of the first ``length`` seconds of ``path`` one after the other.

    ``length`` must be a whole number of every stream's packets, which must not be reordered over
    its end, or the copies overlap.

    Raises:
        InputError: ``path`` cannot be read.
        ResourceError: ``out`` cannot be written.
    """
    with atomic_output(out) as temporary, writing(out), av.open(str(temporary), "w") as target:
        flows: dict[int, Any] = {}
        for number in range(times):
            with open_input(path) as source:
                for stream in source.streams if number == 0 else ():
                    flows[stream.index] = target.add_stream_from_template(stream)
                for packet in demuxed(source, *source.streams):
                    base = packet.time_base
                    if packet.pts is None or packet.dts is None or base is None:
                        continue
                    if not 0 <= packet.pts * base < length:
                        continue  # what an encoder puts before the beginning
                    moved = round(number * length / base)
                    packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
                    packet.stream = flows[packet.stream.index]
                    target.mux(packet)
