"""The table of parsers with their seeds, and changes to JSON value by value."""

from __future__ import annotations

import functools
import json
import random
import struct
from typing import Any

import list_targets
import numpy as np
import parser_targets
from mutation import mutated
from parser_targets import Target, text

from avsynth.face.mesh import STORED

_PERSON = {
    "schema": "avsynth.consent/1", "id": "0" * 32, "kind": "subject", "person": "Jane",
    "created": "2026-01-31T00:00:00Z", "valid_from": "2026-01-31T00:00:00Z",
    "expires": "2036-01-31T00:00:00Z", "purposes": ["research"], "scopes": ["face", "voice"],
    "references": [{"sha256": "0" * 64, "name": "a.mp4"}], "languages": ["de"],
    "signature": {"algorithm": "Ed25519", "public_key": "A" * 43 + "=", "value": "A" * 87 + "="},
}  # fmt: skip
_NOBODY = {
    "schema": "avsynth.consent/1", "id": "0" * 32, "kind": "synthetic", "name": "nobody",
    "created": "2026-01-31T00:00:00Z", "valid_from": "2026-01-31T00:00:00Z", "expires": None,
    "purposes": ["commercial"], "media": [{"sha256": "0" * 64}], "signature": None,
    "nearest": {"distance": 1.0, "threshold": 0.5, "measure": "a", "compared": 1},
}  # fmt: skip
_NUMBERS = {"a": [1, -1, 0.1, 1e300, 5e-324, -0.0, 2**53 - 1, True, None, "\u20ac\U0001f600"]}
_REVOKED = {
    "schema": "avsynth.revocations/1", "updated": "2026-01-31T00:00:00Z",
    "entries": [{"id": "0" * 32, "sha256": "0" * 64, "revoked": "2026-01-31T00:00:00Z",
                 "reason": "no"}],
}  # fmt: skip
_TRUST = {"schema": "avsynth.trust/1", "keys": [
    {"public_key": "A" * 43 + "=", "name": "Bob", "added": "2026-01-31T00:00:00Z"}]}  # fmt: skip
_VOICE = {"seconds": 0.0, "spread": 0.0, "synthetic": False, "encoder": "0",
          "metadata": {"consent": {"record_sha256": "0" * 64}, "imagined": {}}}  # fmt: skip
_MOTION = {"end": 3, "time_base": "1/25", "rate": "25",
           "metadata": {"consent": {"record_sha256": "0" * 64}}}  # fmt: skip
_CAST = {"cast": [{"face": "0", "audio": "a.wav"}, {"face": 1, "audio": "b.wav"},
                  {"face": "1,2,3,4", "audio": "../c.wav"}]}  # fmt: skip
_FILM = {"file": "val/id1/a/real.mp4", "modify_type": "real", "fake_segments": []}
_FAKED = {"file": "val/id1/a/fake.mp4", "modify_type": "both_modified", "original":
          "val/id1/a/real.mp4", "fake_segments": [[0.1, 0.5]]}  # fmt: skip
_MANIFEST = {
    "active_manifest": "m", "validation_state": "Valid",
    "validation_results": {
        "activeManifest": {"success": [], "failure": [{"code": "signingCredential.untrusted"}]},
        "ingredientDeltas": [{"ingredientAssertionURI": "u", "validationDeltas": {"failure": [
            {"code": "assertion.hashedURI.mismatch"}]}}]},
    "manifests": {"m": {
        "title": "t", "claim_generator_info": [{"name": "n", "version": "1"}],
        "claim_generator": "g",
        "signature_info": {"issuer": "i", "common_name": "c", "cert_serial_number": "1"},
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [
                {"action": "c2pa.created", "digitalSourceType": "d", "when": "w",
                 "softwareAgent": {"name": "s"}, "description": "e"}]}},
            {"label": "org.avsynth.consent", "data": {"record_sha256": "0", "kind": "k"}},
            {"label": "org.avsynth.making", "data": {"models": [{"name": "n", "sha256": "0"}]}}],
        "ingredients": [{"title": "i", "relationship": "parentOf", "active_manifest": "m",
                         "label": "c2pa.ingredient", "validation_status": [{"code": "c"}],
                         "validation_results": {"activeManifest": {"failure": []}}}]}},
}  # fmt: skip
_KEY = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIGvEDbhTkVZDTbzMPg0r9nWvLrYvsqQ4fCZaA4Yc4Yx2
-----END PRIVATE KEY-----
"""
_BOXES = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + struct.pack(">I4s", 40, b"moov")
_BOXES += struct.pack(">I4s", 32, b"trak") + struct.pack(">I4sQ", 1, b"mdia", 24) + bytes(8)
_PICTURE = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 9, 9) + bytes(9)
_JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x09\0\x09\x03\x01\x22\0\x02\x11\x01\x03\x11"
_MODEL = struct.pack("<IH12sII", 6, 12, b"WhisperSpec\0", 3, 1) + struct.pack(
    "<H2sBIBI", 2, b"a\0", 1, 2, 0, 8
) + bytes(8)  # fmt: skip
_ROW = {"key": "k", "condition": "c", "size": 1, "modified_ns": 1, "fingerprint": "f",
        "detectors": {"visual": {"subject": "face", "score": 1.0, "abstained": None, "times": [0.0],
                                 "scores": [1.0], "stretches": [[1.0, 0.0, 1.0]],
                                 "trained_on": ["x"], "weights": {}}}}  # fmt: skip
_RESULT = {"format": "avsynth-detection-results/1", "protocol": "folder",
           "scores": {"file": "r.scores.csv", "sha256": "HASH"}}  # fmt: skip
_SHEET = b"file,label,group,person,split,source,original,score\na.mp4,fake,g,p,test,s,,0.5\n"


@functools.cache
def targets() -> dict[str, Target]:
    """Every parser by name; what their seeds need is made now."""
    p, q = parser_targets, list_targets
    tracks = struct.pack("<8sIII12x", b"AVSTRK01", len(STORED), 64, 64) + bytes(64)
    scan = _scan_line()
    return {
        "canonical JSON": Target(p.canonical, (text(_NUMBERS), b'{"\\ud83d":"\\u0000"}'), True),
        "consent record": Target(p.consent_record, (text(_PERSON), text(_NOBODY)), True),
        "trust list": Target(p.trust_list, (text(_TRUST),), True),
        "revocation list": Target(p.revocation_list, (text(_REVOKED),), True),
        "signing key": Target(p.signing_key, (_KEY,)),
        "certificates": Target(p.certificates, (_chain(),)),
        "voice": Target(p.voice_file, (p.made_voice(),)),
        "voice's header": Target(p.voice_header, (text(_VOICE),), True),
        "motion": Target(p.motion_file, (p.made_motion(),)),
        "motion's header": Target(p.motion_header, (text(_MOTION),), True),
        "weights": Target(p.weights_file, (p.made_weights(),)),
        "weights' header": Target(p.weights_header, (_weights_header(),), True),
        "face tracks": Target(p.track_table, (tracks,)),
        "Whisper model": Target(p.whisper, (_MODEL,)),
        "sizes, boxes": Target(p.headers, (_BOXES, _PICTURE, _JPEG, b"GIF89a\x09\0\x09\0")),
        "C2PA document": Target(p.credentials, (text(_MANIFEST),), True),
        "text to be shown": Target(p.shown, ("a\u202e\x1b[31m\u20ac\0\n".encode(), b"\xff\xfe")),
        "command line's values": Target(
            p.choices, (b"largest", b"1", b"-2", b"1,2,3,4", b"cuda:0", b"s3://a/b", b"1e9,1,1,1")
        ),
        "cast file": Target(q.cast, (text(_CAST),), True),
        "scan's lines": Target(q.scan_lines, (scan,), True),
        "score file": Target(
            q.scores, (b"file,score\na,1\nb,-2e3\n", b"a 0.5\nb 1\n", b'{"path":"a","score":1.5}\n',
                       b"A target 1\nB nontarget 0\nC spoof 0\n", _gzip(b"a 1\n")),
        ),
        "key": Target(
            q.key, (_SHEET, b"S a - A01 spoof\nS b - - bonafide\n", b"1 r/id1_0.mp4\n",
                    b"0 f/id0_id1_0003.mp4\n"),
        ),
        "result file": Target(q.results, (text(_RESULT) + b"\n\n" + _SHEET,)),
        "rows of earlier runs": Target(q.earlier_rows, (text(_ROW) + b"\n",), True),
        "benchmark's list": Target(
            q.protocol, (
                b"\0\nfile,label,group,person,split\na.mp4,real,,p,\nb.mp4,fake,g,q,test\n",
                b"\1\n1 Celeb-real/id0_0.mp4\n0 Celeb-synthesis/id0_id1_0.mp4\n",
                b"\2\nsource,target1,method,type,race,gender,path\nid1,-,real,"
                b"RealVideo-RealAudio,African,men,a.mp4\nid1,-,w,FakeVideo-RealAudio,A,men,b.mp4\n",
                b"\3\n" + text([_FILM, _FAKED]),
                b"\4\nS a - - - bonafide - eval\nS b c d A1 spoof x eval\n",
                b"\5\nS a F c c c c - bonafide -\nS b F c c c c A1 spoof -\n"),
        ),
        "pairs of films": Target(q.pairs, (b'[["000","003"],["1","2"]]',), True),
    }  # fmt: skip


def _gzip(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data, mtime=0)


def _chain() -> bytes:
    import datetime as dt

    from avsynth.provenance.chain import make_chain

    return make_chain(dt.datetime.now(dt.UTC))


def _weights_header() -> bytes:
    made = parser_targets.made_weights()
    head = json.loads(made[8 : 8 + int.from_bytes(made[:8], "little")])
    return str(head["__metadata__"]["avsynth-weights-1"]).encode()


def _scan_line() -> bytes:
    from detectors.base import Evidence
    from detectors.report import json as lines
    from detectors.verdict import Verdict

    evidence = Evidence(
        "visual", 1.0, np.array([0.0, 1.0]), np.array([1.0, 2.0], np.float32), (), 2.0
    )
    verdict = Verdict(
        "a.mp4", "synthetic", "why", 1.0, (0.0, 2.0), evidence=(evidence,), sha256="0" * 64,
        size=3, settings={"fingerprint": "f"}, properties={"modified_ns": 5, "notes": []},
    )  # fmt: skip
    return text(lines.line(verdict)) + b"\n"


_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**64, 10**30, -1e308, 1e-320, 0.5, "", "0", "\0",
    "x" * 300, "\u202e<script>", "\ud800", "../../etc/passwd", "1/0", "NaN", [], {}, [[]], [None],
    {"": None}, [0] * 40, "2026-01-31T00:00:00Z", "9999-99-99T99:99:99Z", "{{7*7}}%s%n",
)  # fmt: skip


def change_json(data: bytes, dice: random.Random) -> bytes:
    """A value of a JSON document replaced, lost, doubled, renamed or wrapped."""
    lines = data.split(b"\n")
    at = dice.randrange(len(lines)) if dice.random() < 0.5 else 0
    try:
        document = json.loads(lines[at])
    except (ValueError, RecursionError):
        return mutated(data or b"{}", dice, [b"{}"])[0]
    for _ in range(dice.choice((1, 1, 2, 4))):
        document = _changed(json.loads(json.dumps(document)), dice)
    lines[at] = json.dumps(document).encode()
    return b"\n".join(lines)


def _changed(document: Any, dice: random.Random) -> Any:
    places = list(_places(document))
    if not places or dice.random() < 0.05:
        return dice.choice(_VALUES)
    holder, name = dice.choice(places)
    what = dice.randrange(6)
    if what == 0:
        del holder[name]
    elif what == 1:
        holder[name] = [holder[name]] * dice.choice((1, 2, 50))
    elif what == 2 and isinstance(holder, dict):
        holder[dice.choice(("", "x", "kind", "__class__"))] = holder.pop(name)
    elif what == 3:
        for _ in range(dice.choice((5, 40, 150))):
            holder[name] = [holder[name]]
    elif what == 4:
        other, place = dice.choice(places)
        holder[name] = json.loads(json.dumps(other[place])) if _at(other, place) else None
    else:
        holder[name] = dice.choice(_VALUES)
    return document


def _at(holder: Any, name: Any) -> bool:
    return name in holder if isinstance(holder, dict) else name < len(holder)


def _places(document: Any, depth: int = 0) -> Any:
    """Every value, as what holds it and its name or number there."""
    if depth > 20 or not isinstance(document, (dict, list)):
        return
    names = list(document) if isinstance(document, dict) else range(len(document))
    for name in names:
        yield document, name
        yield from _places(document[name], depth + 1)
