"""The page as text: complete, one file, nothing in it that a file's name could set loose."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import report_examples as examples

import detectors
from detectors import Interval, Verdict
from detectors.report import html, json, pictures, scale, timeline

KINDS = list(examples.all_examples())


class Page(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.said: list[str] = []
        self.css = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self._open == "style":
            self.css += data
            self._open = ""
        else:
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pages")
    examples.write_all(where)
    return where


def page(folder: Path, kind: str) -> Page:
    verdict = examples.all_examples()[kind]
    return Page((folder / html.page_name(verdict)).read_text("utf-8"))


@pytest.mark.parametrize("kind", [*KINDS, "index"])
def test_nothing_runs_and_nothing_is_fetched(folder: Path, kind: str) -> None:
    found = Page((folder / "index.html").read_text("utf-8")) if kind == "index" else (
        page(folder, kind))  # fmt: skip
    tags = {tag for tag, _ in found.elements}
    assert not tags & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "form",
        "base",
        "foreignobject",
    }
    for tag, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            if name in attributes:
                allowed = r"(#[a-z-]+|data:image/jpeg;base64,[\w+/=]+|[\w.-]+\.html)"
                assert re.fullmatch(allowed, attributes[name]), attributes[name][:80]
    assert "url(" not in found.css and "@import" not in found.css


@pytest.mark.parametrize("kind", KINDS)
def test_the_policy_allows_the_style_sheet_and_data_pictures_alone(folder: Path, kind: str) -> None:
    found = page(folder, kind)
    (policy,) = [a["content"] for tag, a in found.elements
                 if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    digest = base64.b64encode(hashlib.sha256(found.css.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'", "img-src data:", f"style-src 'sha256-{digest}'", "base-uri 'none'",
        "form-action 'none'",
    ]  # fmt: skip


def test_markup_in_names_stays_text(folder: Path) -> None:
    found = page(folder, "hostile")
    assert "<img src=x onerror=alert(3)>" in found.text
    assert (
        "⟨U+202E⟩gpj.exe" in found.text and "⟨U+000A⟩" in found.text and "⟨byte FF⟩" in found.text
    )
    assert "{{ 7*7 }}{% if %}" in found.text
    raw = (folder / html.page_name(examples.hostile())).read_text("utf-8")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", raw)
    assert raw.count("</style>") == raw.count("</title>") == raw.count("</html>") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_stays_small_and_says_what_it_is(folder: Path, kind: str) -> None:
    verdict = examples.all_examples()[kind]
    assert (folder / html.page_name(verdict)).stat().st_size < 2_000_000
    found = page(folder, kind)
    assert ("html", {"lang": "en"}) in found.elements
    assert "should not be the only ground for a decision" in found.text
    assert "Log-likelihood ratio (score)" in found.text
    assert (verdict.sha256 or "the file could not be read") in found.text


def test_a_synthetic_face_is_shown_with_all_that_belongs_to_it(folder: Path) -> None:
    said = page(folder, "synthetic-face").text
    for wanted in (
        "Signs of synthesis found", "The face looks synthetic.", "at most 1 in 100 real files",
        "The findings are 110 times more probable", "+5.8 (+4.1 to +7.3)",
        "Face 0 at 0:36.5", "highest at 0:33.5; 2 marked stretches",
        "TAMPERED", "Studio North", "raw-recording.mp4 (what was edited)",
        "H.264, CRF 36", "close to the threshold", "self-blended images", "0.82", "offset_ms 83.0",
        "visual-small", hashlib.sha256(b"visual").hexdigest(), "torch 2.13.0", "operating_point",
    ):  # fmt: skip
        assert wanted in said, wanted


def test_a_mark_is_shown_with_the_face_that_earned_it() -> None:
    drawn = timeline.of_verdict(examples.synthetic_face())
    assert drawn is not None
    marks = {group.title: [len(lane.marks) for lane in group.lanes] for group in drawn.groups}
    assert marks["Face 0"] == [2, 1] and marks["Face 3"] == [0, 0]


def test_of_many_faces_some_are_drawn_and_all_are_counted() -> None:
    drawn = timeline.of_verdict(examples.long_film())
    assert drawn is not None
    faces = [group for group in drawn.groups if group.title.startswith("Face ")]
    assert len(faces) == timeline.FACES and faces[0].title == "Face 0"
    assert len(faces) + len(drawn.others) + drawn.left_out == 40
    assert all(len(lane.path) < 10_000 for group in drawn.groups for lane in group.lanes)


def test_a_picture_and_an_unreadable_file_have_no_timeline() -> None:
    assert timeline.of_verdict(examples.picture()) is None
    assert timeline.of_verdict(examples.unreadable()) is None


def test_times_of_an_axis_are_round_and_few() -> None:
    for length in (0.7, 3.0, 59.0, 3600.0, 10_800.0, 90_000.0):
        ticks = timeline.ticks(0.0, length)
        assert 2 <= len(ticks) <= 7 and ticks[0][:2] in ((0.0, "0:00"), (0.0, "0:00.0"))
    assert [label for _, label, _ in timeline.ticks(9.5, 13.5)] == ["0:10", "0:11", "0:12", "0:13"]
    assert timeline.marks((Interval(0.0, 2.0, 1.0), Interval(9.0, 10.0, 1.0)), 1.0, 5.0) == (
        (0.0, 25.0),
    )


def test_the_score_axis_is_symmetric_and_holds_what_it_must() -> None:
    axis = scale.axis([4.2, -7.9, None, float("inf")])
    assert axis.limit == 9 and axis.at(0.0) == 50.0
    assert axis.at(4.0) + axis.at(-4.0) == pytest.approx(100.0)
    assert axis.at(1e9) == axis.at(axis.limit) and not axis.holds(1e9)
    assert {label: at for at, label in axis.ratios}["100 : 1"] == axis.at(np.log(100))


@pytest.mark.parametrize(
    ("score", "said"),
    [(4.0, "synthetic"), (3.3, "synthetic"), (2.9, "close to the threshold"),
     (2.0, "not called synthetic")],
)  # fmt: skip
def test_what_a_disturbed_score_would_have_meant(score: float, said: str) -> None:
    # Two parts: the file's ratio is the mean of theirs, so a part lies at most ln 2 above it.
    assert scale.meant(score, {"face": 3.1, "voice": 3.3}) == said
    assert scale.meant(score, {}) == ""


def test_heat_colours_only_where_it_is_hot() -> None:
    grey = np.full((64, 64, 3), 120, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[2, 5] = 1.0
    shown = pictures.heated(grey, heat).astype(int)
    colour = shown.max(-1) - shown.min(-1)
    assert np.unravel_index(colour.argmax(), colour.shape)[0] // 8 == 2
    assert colour[40:].max() <= 1  # untouched
    lightness = [sum(int(c[i : i + 2], 16) for i in (1, 3, 5)) for _, c in pictures.colours()]
    assert lightness[-1] > lightness[len(lightness) // 2]


def test_a_spectrogram_stands_upright_and_survives_silence_and_no_numbers() -> None:
    from detectors import MarkedSound

    level = np.full((40, 100), -80.0, np.float32)
    level[:5] = 0.0  # low bands are loud
    level[20, 50] = np.nan
    shown = pictures.sound(MarkedSound(0.0, 1.0, 1.0, level, np.ones((4, 4), np.float32)))
    data = np.frombuffer(base64.b64decode(shown.plain.split(",")[1]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert picture.shape == pictures.STRIP[::-1]
    assert picture[-5:].mean() < 30 and picture[:60].mean() > 240
    silent = pictures.sound(MarkedSound(0.0, 1.0, 1.0, np.full((9, 9), -np.inf, np.float32)))
    assert silent.heated is None


def test_the_index_lists_every_file_worst_first_and_links_only_pages_that_are_there(
    folder: Path, tmp_path: Path
) -> None:
    found = Page((folder / "index.html").read_text("utf-8"))
    links = [a["href"] for tag, a in found.elements if tag == "a" and a["href"][0] != "#"]
    assert len(links) == len(KINDS) and all((folder / link).is_file() for link in links)
    order = [found.text.index(name) for name in ("interview.mp4", "portrait.jpg", "holiday.mov",
                                                 "broken.mp4")]  # fmt: skip
    assert order == sorted(order)
    alone = html.write_index(iter([examples.picture()]), tmp_path)
    assert "1 file examined" in Page(alone.read_text("utf-8")).text
    assert "portrait.jpg-" not in alone.read_text("utf-8")


def test_a_page_has_the_same_plain_name_from_a_line_and_no_other_file_has_it() -> None:
    names = set()
    for verdict in examples.all_examples().values():
        name = html.page_name(verdict)
        assert re.fullmatch(r"[\w.-]{1,80}\.html", name, re.ASCII)
        assert html.page_name(json.read(json.line(verdict))) == name
        names.add(name)
    names |= {html.page_name(Verdict(path, "unreadable", "")) for path in ("a/x.mp4", "b/x.mp4")}
    assert len(names) == len(KINDS) + 2


def test_a_failure_leaves_the_page_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    html.write(examples.picture(), target)
    before = target.read_bytes()
    broken = Verdict("x", "nonsense", "")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        html.write(broken, target)
    assert target.read_bytes() == before and list(tmp_path.iterdir()) == [target]


def test_templates_and_schema_are_part_of_the_package() -> None:
    root = Path(detectors.__file__).parent
    settings = tomllib.loads((root.parent / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["detectors"]
    packed = {path for pattern in patterns for path in root.glob(pattern)}
    needed = {
        path for path in (root / "report").iterdir() if path.suffix in (".html", ".css", ".json")
    }
    assert needed and needed <= packed
