"""Every protocol on a miniature tree of the same shape, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avsynth.errors import InputError, UsageError
from detectors.protocols import PROTOCOLS, Protocol, Trial, frame_indices, read_protocol
from detectors.protocols.paths import inside, relative
from detectors.protocols.trials import checked, hashed_split, people_in_two_splits


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def of(protocol: Protocol, key: str) -> Trial:
    return next(trial for trial in protocol.trials if trial.key == key)


def face_forensics(root: Path, folder: str = "c23") -> None:
    pairs = {"train": [["000", "003"], ["010", "012"]], "val": [["020", "021"]],
             "test": [["030", "031"]]}  # fmt: skip
    (root / "splits").mkdir(parents=True)
    for split, both in pairs.items():
        (root / f"splits/{split}.json").write_text(json.dumps(both))
        for a, b in both:
            touch(root, *(f"original_sequences/youtube/{folder}/videos/{n}.mp4" for n in (a, b)))
            for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"):
                base = f"manipulated_sequences/{method}/{folder}/videos"
                touch(root, f"{base}/{a}_{b}.mp4", f"{base}/{b}_{a}.mp4")


def test_face_forensics_both_directions_of_a_pair_belong_to_its_split(tmp_path: Path) -> None:
    face_forensics(tmp_path)
    found = read_protocol("ffpp-c23", tmp_path)
    assert [len(found.of_split(s).trials) for s in ("train", "val", "test")] == [20, 10, 10]
    fake = of(found, "ffpp-c23/NT/031_030")
    assert fake.path == "manipulated_sequences/NeuralTextures/c23/videos/031_030.mp4"
    assert (fake.group, fake.split, fake.source) == ("NT", "test", "031")
    assert fake.original == "ffpp-c23/real/031"
    assert fake.person == of(found, "ffpp-c23/real/030").person == "030+031"
    assert all(found.file(trial).is_file() for trial in found.trials)
    assert any("FaceShifter" in note for note in found.notes)
    with pytest.raises(InputError, match="originals are missing"):
        read_protocol("ffpp-c40", tmp_path)


def test_face_forensics_raw_is_c0_and_splits_may_lie_at_the_top(tmp_path: Path) -> None:
    face_forensics(tmp_path, "raw")
    for path in (tmp_path / "splits").iterdir():
        path.rename(tmp_path / path.name)
    assert len(read_protocol("ffpp-c0", tmp_path).trials) == 40


def test_face_forensics_val_that_is_test_is_refused(tmp_path: Path) -> None:
    face_forensics(tmp_path)
    (tmp_path / "splits/val.json").write_text((tmp_path / "splits/test.json").read_text())
    with pytest.raises(InputError, match="test and val overlap"):
        read_protocol("ffpp-c23", tmp_path)
    (tmp_path / "splits/val.json").write_text('[["../../etc", "x"]]')
    with pytest.raises(InputError, match="no number"):
        read_protocol("ffpp-c23", tmp_path)


def test_films_of_actors(tmp_path: Path) -> None:
    made = "manipulated_sequences/DeepFakeDetection/c40/videos"
    touch(tmp_path, "original_sequences/actors/c40/videos/01__exit_phone_room.mp4")
    touch(tmp_path, f"{made}/01_02__exit_phone_room__YVGY8LOK.mp4")
    found = read_protocol("dfd-c40", tmp_path)
    fake, real = (of(found, key.key) for key in found.trials)
    assert (fake.synthetic, real.synthetic) == (True, False)
    assert fake.original == real.key
    assert fake.person == real.person == "01"
    assert fake.source == real.source == "01__exit_phone_room"


def celeb_df(root: Path) -> None:
    touch(root, "Celeb-real/id0_0000.mp4", "Celeb-real/id1_0001.mp4", "YouTube-real/00170.mp4",
          "Celeb-synthesis/id0_id1_0000.mp4", "Celeb-synthesis/id1_id0_0001.mp4")  # fmt: skip
    (root / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00170.mp4\n1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
    )


def test_celeb_df_one_means_real_and_people_in_both_splits_are_told(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    touch(tmp_path, "Celeb-real/id0_0007.mp4")
    found = read_protocol("celeb-df-v2", tmp_path)
    assert {t.key: t.synthetic for t in found.of_split("test").trials} == {
        "celeb-df-v2/Celeb-real/id0_0000": False,
        "celeb-df-v2/Celeb-synthesis/id0_id1_0000": True,
        "celeb-df-v2/YouTube-real/00170": False,
    }
    fake = of(found, "celeb-df-v2/Celeb-synthesis/id0_id1_0000")
    assert fake.original == "celeb-df-v2/Celeb-real/id0_0000"
    assert fake.person == "id0"
    assert found.splits == ("test", "train")
    assert any("1 people are in several of the authors' own splits" in n for n in found.notes)


def test_celeb_df_turned_labels_are_refused(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    listing = tmp_path / "List_of_testing_videos.txt"
    listing.write_text(listing.read_text().replace("1 You", "0 You"))
    with pytest.raises(InputError, match="1 means real"):
        read_protocol("celeb-df-v2", tmp_path)
    listing.write_text("1 Celeb-real/../../../etc/passwd\n")
    with pytest.raises(InputError, match="outside"):
        read_protocol("celeb-df-v2", tmp_path)


def fake_av_celeb(root: Path, people: int = 60) -> None:
    lines = ["source,target1,target2,method,category,type,race,gender,path,"]  # a column too few
    for n in range(people):
        who = f"id{n:05}"
        for kind, method, file in (
            ("RealVideo-RealAudio", "real", "00109.mp4"),
            ("FakeVideo-FakeAudio", "faceswap-wav2lip", f"00109_2_{who}_wavtolip.mp4"),
            ("RealVideo-FakeAudio", "rtvc", "00109_fake.mp4"),
        ):
            folder = f"{kind}/African/men/{who}"
            lines.append(f"{who},-,-,{method},A,{kind},African,men,{file},FakeAVCeleb/{folder}")
            touch(root, f"{folder}/{file}")
    (root / "meta_data.csv").write_text("\n".join([*lines, lines[1]]) + "\n")


def test_fake_av_celeb_is_split_by_person(tmp_path: Path) -> None:
    fake_av_celeb(tmp_path)
    found = read_protocol("fakeavceleb", tmp_path)
    assert len(found.trials) == 180
    assert people_in_two_splits(found.trials) == {}
    counts = [len(found.of_split(split).trials) / 3 for split in ("train", "val", "test")]
    assert all(abs(n - share) < 10 for n, share in zip(counts, (36, 6, 18), strict=True))
    fake = of(found, "fakeavceleb/FVFA-faceswap-wav2lip/id00007/00109_2_id00007_wavtolip")
    assert fake.original == "fakeavceleb/RVRA/id00007/00109"
    assert {t.group for t in found.trials} == {"", "FVFA-faceswap-wav2lip", "RVFA-rtvc"}
    assert any("1 lines" in note for note in found.notes)
    assert all(found.file(trial).is_file() for trial in found.trials)


def test_av_deepfake_knows_where(tmp_path: Path) -> None:
    entries = [
        {"file": "id1/v/001/real.mp4", "original": None, "split": "val", "modify_type": "real",
         "fake_segments": []},
        {"file": "id1/v/001/fake_video_fake_audio.mp4", "original": "id1/v/001/real.mp4",
         "split": "val", "modify_type": "both_modified", "fake_segments": [[1.2, 1.6]]},
    ]  # fmt: skip
    listing = tmp_path / "val_metadata.json"
    listing.write_text(json.dumps(entries))
    touch(tmp_path, *(f"val/{entry['file']}" for entry in entries))
    found = read_protocol("av-deepfake1m", tmp_path)
    fake = of(found, "av-deepfake1m/val/id1/v/001/fake_video_fake_audio.mp4")
    assert fake.fakes == ((1.2, 1.6),)
    assert fake.original == "av-deepfake1m/val/id1/v/001/real.mp4"
    assert (fake.group, fake.person, found.localised) == ("both_modified", "id1", True)
    assert all(found.file(trial).is_file() for trial in found.trials)
    entries[0]["fake_segments"] = [[0, 1]]
    listing.write_text(json.dumps(entries))
    with pytest.raises(InputError, match="called real with 1 fake"):
        read_protocol("av-deepfake1m", tmp_path)
    listing.write_text("[1, 2]")
    with pytest.raises(InputError, match="list of films"):
        read_protocol("av-deepfake1m", tmp_path)


def asvspoof_2019(root: Path) -> None:
    for part, end, letter in (("train", "trn", "T"), ("dev", "trl", "D"), ("eval", "trl", "E")):
        listing = root / f"LA/ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.{part}.{end}.txt"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text(
            f"LA_00{letter}1 LA_{letter}_1138215 - - bonafide\n"
            f"LA_00{letter}1 LA_{letter}_1271820 - A01 spoof\n"
        )
        base = f"LA/ASVspoof2019_LA_{part}/flac"
        touch(root, f"{base}/LA_{letter}_1138215.flac", f"{base}/LA_{letter}_1271820.flac")


def test_asvspoof_2019(tmp_path: Path) -> None:
    asvspoof_2019(tmp_path)
    found = read_protocol("asvspoof2019-la", tmp_path)
    assert found.splits == ("dev", "test", "train")
    fake = of(found, "asvspoof2019-la/A01/LA_E_1271820")
    assert (fake.synthetic, fake.split, fake.person) == (True, "test", "LA_00E1")
    assert found.higher_is == "bona-fide"
    assert found.key().higher_is == "bona-fide"
    assert all(found.file(trial).is_file() for trial in found.trials)


@pytest.mark.parametrize(
    ("track", "lines", "group", "source"),
    [
        ("LA", ["LA_0009 LA_E_1 alaw ita_tx A07 spoof notrim eval",
                "LA_0009 LA_E_2 none none bonafide bonafide notrim progress"], "A07", ""),
        ("DF", ["LA_0023 DF_E_1 nocodec vcc2020 A14 spoof notrim eval traditional_vocoder - - - -",
                "LA_0023 DF_E_2 nocodec asvspoof - bonafide notrim eval bonafide - - - -"],
         "A14", "vcc2020"),
    ],
)  # fmt: skip
def test_asvspoof_2021(
    track: str, lines: list[str], group: str, source: str, tmp_path: Path
) -> None:
    listing = tmp_path / f"keys/{track}/CM/trial_metadata.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("\n".join(lines))
    touch(tmp_path, *(f"ASVspoof2021_{track}_eval/flac/{track}_E_{n}.flac" for n in (1, 2)))
    found = read_protocol(f"asvspoof2021-{track.lower()}", tmp_path)
    fake = next(trial for trial in found.trials if trial.synthetic)
    assert (fake.group, fake.source, fake.split) == (group, source, "test")
    assert all(found.file(trial).is_file() for trial in found.trials)
    listing.write_text("LA_0009 LA_E_1 alaw\n")
    with pytest.raises(InputError, match="line 1"):
        read_protocol(f"asvspoof2021-{track.lower()}", tmp_path)


def test_asvspoof_5_needs_not_all_of_its_parts(tmp_path: Path) -> None:
    (tmp_path / "ASVspoof5_protocols").mkdir()
    (tmp_path / "ASVspoof5_protocols/ASVspoof5.dev.track_1.tsv").write_text(
        "D_0001 D_0000000000 F - - - AC1 A11 spoof -\n"
        "D_0002 D_0000000001 M - - - - bonafide bonafide -\n"
    )
    (tmp_path / "ASVspoof5.train.metadata.txt").write_text(
        "T_1 T_1 - A05 spoof\nT_1 T_2 - - bonafide\n"
    )
    touch(tmp_path, "flac_D/D_0000000000.flac", "flac_T/T_1.flac")
    found = read_protocol("asvspoof5", tmp_path)
    assert found.splits == ("dev", "train")
    assert [(t.key, t.synthetic) for t in found.of_split("dev").trials] == [
        ("asvspoof5/A11/D_0000000000", True), ("asvspoof5/bonafide/D_0000000001", False),
    ]  # fmt: skip
    assert of(found, "asvspoof5/A05/T_1").person == "T_1"


Row = tuple[str, ...]
ROWS: list[Row] = [
    ("a/real one.mp4", "real", "", "p1", "test", "film1", ""),
    ("a/fake.mp4", "fake", "wav2lip", "p1", "test", "film1", "a/real one.mp4"),
    ("b/other\nname.mp4", "real", "", "p2", "val", "", ""),
]
HEAD = ("file", "label", "group", "person", "split", "source", "original")


def manifest(root: Path, rows: list[Row], head: Row = HEAD, name: str = "manifest.csv") -> Path:
    path = root / name
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def test_a_folder_with_a_manifest(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    touch(root, *(row[0] for row in ROWS))
    manifest(root, ROWS)
    found = read_protocol("folder", root)
    assert [trial.key for trial in found.trials] == [
        "mine/real/a/real one.mp4", "mine/real/b/other\nname.mp4", "mine/wav2lip/a/fake.mp4",
    ]  # fmt: skip
    assert of(found, "mine/wav2lip/a/fake.mp4").original == "mine/real/a/real one.mp4"
    again = read_protocol("folder", manifest(root, ROWS[:2], name="part.csv"))
    assert again.trials[0].key == "part/real/a/real one.mp4"
    key = found.key()
    assert [trial.file for trial in key.trials] == [trial.key for trial in found.trials]
    assert key.of_split("test").trials[1].original == "mine/real/a/real one.mp4"


def test_the_hash_of_a_split_is_of_keys_and_labels_alone(tmp_path: Path) -> None:
    manifest(tmp_path, ROWS)
    found = read_protocol("folder", tmp_path)
    name = tmp_path.name
    text = f"{name}/real/a/real one.mp4 real\n{name}/wav2lip/a/fake.mp4 fake\n"
    test = found.of_split("test")
    assert test.listing() == text
    assert test.sha256 == hashlib.sha256(text.encode()).hexdigest()
    manifest(tmp_path, ROWS[::-1])
    assert read_protocol("folder", tmp_path).of_split("test").sha256 == test.sha256
    with pytest.raises(InputError, match=r"no split 'eval'.*test, val, all"):
        found.of_split("eval")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [*rows, ("a/fake.mp4", "fake", "x", "p1", "val", "", "")], "overlap"),
        (lambda rows: [*rows, rows[1]], "listed 2 times"),
        (lambda rows: [*rows, ("c.mp4", "real", "", "p1", "val", "", "")], "in two splits"),
        (lambda rows: [("a.mp4", "maybe", "", "", "", "", "")], "neither real nor fake"),
        (lambda rows: [rows[0]], "all files are called real"),
        (lambda rows: [rows[1]], "not listed"),
        (lambda rows: [], "no files"),
        (lambda rows: [("/etc/passwd", "real", "", "", "", "", "")], "outside"),
        (lambda rows: [("a/../../b.mp4", "real", "", "", "", "", "")], "outside"),
        (lambda rows: [("C:\\b.mp4", "real", "", "", "", "", "")], "none"),
    ],
)
def test_manifests_that_are_refused(
    change: Callable[[list[Row]], list[Row]], message: str, tmp_path: Path
) -> None:
    manifest(tmp_path, change(ROWS))
    with pytest.raises(InputError, match=message):
        read_protocol("folder", tmp_path)


def test_a_manifest_without_its_columns_is_refused(tmp_path: Path) -> None:
    manifest(tmp_path, [("a.mp4", "real")], ("file", "label"))
    with pytest.raises(InputError, match="no column group, person, split"):
        read_protocol("folder", tmp_path)


def test_links_do_not_lead_out_or_in_circles(tmp_path: Path) -> None:
    root = tmp_path / "data"
    touch(root, "in.mp4")
    touch(tmp_path, "secret.mp4")
    (root / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (root / "fine.mp4").symlink_to(root / "in.mp4")
    (root / "loop.mp4").symlink_to(root / "loop.mp4")
    (root / "up").symlink_to(tmp_path)
    assert inside(root, "fine.mp4").is_file()
    assert inside(root, "absent.mp4") == root / "absent.mp4"
    for name, message in (("out.mp4", "outside"), ("up/secret.mp4", "outside"),
                          ("loop.mp4", "circle")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            inside(root, name)
    linked = tmp_path / "linked"
    linked.symlink_to(root)
    assert inside(linked, "in.mp4").is_file()  # the folder itself may be a link
    for name in ("", " ", ".", "a\0b", "//x"):
        with pytest.raises(InputError):
            relative(name)
    assert relative("a\\b.mp4") == "a/b.mp4"


def test_frames_are_spread_evenly() -> None:
    np.testing.assert_array_equal(frame_indices(100, 5), [0, 24, 49, 74, 99])
    np.testing.assert_array_equal(frame_indices(3, 32), [0, 1, 2])
    assert frame_indices(0, 32).size == 0
    assert len(set(frame_indices(33, 32).tolist())) == 32
    with pytest.raises(ValueError):
        frame_indices(10, 0)


def test_hashed_splits_stay_and_keep_their_shares() -> None:
    shares = {"train": 0.6, "val": 0.1, "test": 0.3}
    drawn = [hashed_split(f"id{n}", shares, "x") for n in range(3000)]
    assert drawn[:5] == [hashed_split(f"id{n}", shares, "x") for n in range(5)]
    assert abs(drawn.count("test") / 3000 - 0.3) < 0.03
    assert drawn != [hashed_split(f"id{n}", shares, "y") for n in range(3000)]


def test_unknown_names_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="known: ffpp-c0"):
        read_protocol("celebdf", tmp_path)
    for name in PROTOCOLS:
        with pytest.raises(InputError):
            read_protocol(name, tmp_path)
        with pytest.raises(InputError):
            read_protocol(name, tmp_path / "absent")


def test_two_trials_of_one_key_are_refused(tmp_path: Path) -> None:
    twice = (Trial("k", "a", True), Trial("k", "b", False))
    with pytest.raises(InputError, match="two files"):
        checked(Protocol("x", tmp_path, twice, True))
