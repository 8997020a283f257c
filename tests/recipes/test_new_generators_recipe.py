"""New generators against the detectors: films, corpus and table, on the demo person."""

import csv

import cv2
import numpy as np
import pytest
from recipe_helpers import recipe_modules

from avsynth.face.alignment import align
from avsynth.face.track import FaceTracker
from avsynth.media import probe
from avsynth.pipelines.demonstrate import demo_media
from avsynth.training.face_corpus import FRAMES, FaceWriter, open_faces
from detectors import views

MODULES = ("clips", "making", "portraits", "films", "corpus", "table")
LENGTH = 30


@pytest.fixture(scope="module")
def recipe():
    with recipe_modules("new_generators", MODULES) as modules:
        yield modules


@pytest.fixture(scope="module")
def clip(recipe):
    film = recipe["clips"].pictures_of(demo_media()[0], LENGTH)
    with FaceTracker(film.shape[2], film.shape[1]) as tracker:
        found = [tracker.update(number, picture) for number, picture in enumerate(film)]
    points = np.stack([faces[0].points for faces in found])
    sound = np.zeros(LENGTH * 640, np.float32)
    return recipe["clips"].Clip("demo", "demo", "test", "grid", film, points, sound)


@pytest.fixture(scope="module")
def mirror(recipe, clip):
    """The demo person in a mirror, as somebody else; the mesh of a mirror is not the mirrored
    mesh, but landmarks that move are all a driver is asked for.
    """
    points = clip.points.copy()
    points[:, :, 0] += 3 * np.sin(np.arange(LENGTH) / 4)[:, None]
    return recipe["clips"].Clip(
        "mirror", "mirror", "test", "grid", clip.pictures[:, :, ::-1], points, clip.samples
    )


@pytest.fixture(scope="module")
def nobody(recipe, clip, tmp_path_factory):
    """One portrait a split, as files of a folder; that of the test split."""
    folder = tmp_path_factory.mktemp("people")
    rgb = recipe["portraits"].real_portrait(clip.pictures[0], clip.points[0])
    for number in range(5):
        cv2.imwrite(str(folder / f"{number}.png"), rgb[..., ::-1])
    found = recipe["portraits"].portraits(folder)
    assert [each.split for each in found] == ["train", "train", "train", "dev", "test"]
    return found[-1]


def test_only_the_region_of_a_moved_picture_changes(recipe, clip, mirror):
    making = recipe["making"]
    window = slice(0, 6)
    made = making.moved(
        clip.pictures[0], clip.points[0], mirror.points, window, making.system_named("mesh")
    )
    assert made.film.shape == clip.pictures[window].shape and made.points.shape == (6, 478, 3)
    still = made.mask == 0
    assert still.any() and (made.film[:, still] == clip.pictures[0][still]).all()
    assert (made.film[0] != made.film[5]).any()


def test_a_portrait_is_made_as_large_as_a_face(recipe, clip, nobody):
    rgb, points = recipe["making"].as_large_as(nobody.rgb, nobody.points, clip.points[0])
    sizes = [align(p[None].astype(float))[1].scale[0] for p in (points, clip.points[0])]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02) and rgb.shape[0] == rgb.shape[1]


def test_films_are_written_once_and_listed(recipe, clip, mirror, nobody, tmp_path):
    films, making = recipe["films"], recipe["making"]
    systems = {"mesh": making.system_named("mesh")}

    def write():
        with films.Listing(tmp_path) as listing:
            films.write_all(listing, [clip], [clip, mirror], [nobody], systems, 2, 20)

    write()
    with (tmp_path / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["group"] for row in rows] == [
        "real", "real-still", "reenact-mesh", "imagine", "imagine-film-mesh",
    ]  # fmt: skip
    assert [row["label"] for row in rows] == ["real", "real", "fake", "fake", "fake"]
    assert rows[2]["original"] == rows[0]["file"] and rows[4]["original"] == ""
    info = probe(tmp_path / rows[2]["file"])
    assert (info.video.width, info.video.frames) == (360, LENGTH) and info.audio
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.mp4")}
    write()
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.mp4")}


def test_a_corpus_of_pairs(recipe, clip, mirror, nobody, tmp_path):
    corpus, making = recipe["corpus"], recipe["making"]
    made = corpus.Making({"mesh": making.system_named("mesh")}, [nobody], 0)
    first = corpus.windows(len(clip), 2)[0]
    with FaceWriter(tmp_path) as writer:
        corpus.add(writer, made, clip, first, [mirror])
    opened = open_faces(tmp_path)
    assert [item.family for item in opened.items] == ["real", "reenact", "imagine"]
    real, reenact, imagine = opened.items
    assert reenact.original == real.name and imagine.original == "" and imagine.person != "demo"
    assert reenact.system == "mesh" and reenact.codec == real.codec
    assert opened.masks(real).max() == 0 and opened.masks(reenact).max() > 0.9
    for item in opened.items:  # faces lie where the detector's crop wants them
        assert opened.film(item).shape == (FRAMES, 224, 224, 3)
        middle = opened.points(item).mean(axis=(0, 1))
        assert np.abs(middle - 112).max() < 40


def test_the_table_tells_families_apart(recipe):
    table = recipe["table"]
    about = {"system": "", "split": "test", "source": "grid", "original": ""}
    rows = []
    for person in ("a", "b", "c"):
        for family, logit in (("real", -1.0), ("seen", 6.4), ("unseen", -1.0)):
            label = "real" if family == "real" else "fake"
            row = {"file": f"{person}-{family}.mp4", "label": label, "family": family}
            scores = {"visual": f"{logit}", "motion": "", "credentials": ""}
            rows.append(about | row | {"person": person} | scores)
    real, seen, unseen = table.judged(rows)
    assert real["what"] == "real films" and real["not-detected"] == "3 of 3"
    assert seen["visual"] == "1.00 (1.00 to 1.00)" and seen["motion"] == ""
    assert seen["fused"].startswith("1.00") and seen["not-detected"] == "0 of 3"
    assert unseen["visual"].startswith("0.50") and unseen["synthetic"] == "0 of 3"
    lines = table.markdown([real, seen, unseen]).splitlines()
    assert len(lines) == 5 and all(line.count("|") == lines[0].count("|") for line in lines)


def test_whole_faces_are_prepared_for_judges(recipe, clip, mirror, nobody, tmp_path):
    corpus, making = recipe["corpus"], recipe["making"]
    made = corpus.Making({"mesh": making.system_named("mesh")}, [nobody], 0)
    with FaceWriter(tmp_path / "corpus") as writer:
        corpus.add(writer, made, clip, 0, [mirror])
    with recipe_modules("discriminator_detector", ("prepare", "examples")) as modules:
        out = tmp_path / "pack"
        out.mkdir()
        prepare = modules["prepare"]
        rows = prepare.prepare_portraits(tmp_path / "corpus", out, 2, slice(None), 0, ("test",))
        prepare.write(out, rows, "portrait", 2)
        examples = modules["examples"].load(out)
        assert [row.family for row in examples.rows] == ["real", "reenact", "imagine"]
        whole = examples.whole(examples.rows[1], 0)
        assert whole["x"].shape == (4, 3, 112, 112) and whole["condition"].shape == (4, 4, 112, 112)
        assert 0.2 < float(whole["condition"][:, 0].mean()) < 0.8  # the face is in the picture
        one, same, other = examples.batch([0, 0, 1], [3, 3, 3])["x"]
        assert (one == same).all() and (one != other).any()
        assert views.VIEWS["portrait"](whole)["x"].shape == (4, 3, 96, 96)
