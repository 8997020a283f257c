"""avsynth bench score: score files and keys as people have them, good and bad."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from dub_helpers import command

from detectors.metrics import read_results
from detectors.metrics.key_files import read_key
from detectors.metrics.score_files import read_scores, to_ratios
from detectors.metrics.trials import Trial

REALS, FAKES = [f"r{i}" for i in range(6)], [f"f{i}" for i in range(6)]
SCORES = {name: i * 0.5 - 2.0 for i, name in enumerate(REALS + FAKES)}  # all fakes above all reals


def write(path, text):
    path.write_text(text)
    return path


@pytest.fixture
def key(tmp_path):
    rows = [f"{name},real,,p{i % 3},test,\n" for i, name in enumerate(REALS)]
    rows += [f"{name},fake,{'tts' if i % 2 else 'vc'},p{i % 3},test,r{i}\n"
             for i, name in enumerate(FAKES)]  # fmt: skip
    head = "file,label,group,person,split,original\n"
    return write(tmp_path / "key.csv", head + "".join(rows))


def scores_csv(path, scores):
    return write(path, "file,score\n" + "".join(f"{n},{s}\n" for n, s in scores.items()))


def run(*arguments):
    done = command("bench", "score", *arguments, "--draws", 20, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def pooled(found, name="auc"):
    return found["left_out"]["pooled"]["figures"][name]["value"]


LAYOUTS = {
    "csv": lambda: "file,score\n" + "".join(f"{n},{s}\n" for n, s in SCORES.items()),
    "csv without names": lambda: "".join(f"{n},{s}\n" for n, s in SCORES.items()),
    "semicolons": lambda: "".join(f"{n};{s}\n" for n, s in SCORES.items()),
    "tsv": lambda: "filename\tcm-score\n" + "".join(f"{n}\t{s}\n" for n, s in SCORES.items()),
    "columns": lambda: "".join(f"{n}   {s}\n" for n, s in SCORES.items()),
    "windows": lambda: "﻿path,score\r\n" + "".join(f"{n},{s}\r\n" for n, s in SCORES.items()),
    "json lines": lambda: "".join(
        json.dumps({"path": n, "verdict": "x", "score": s}) + "\n" for n, s in SCORES.items()
    ),
    "more columns": lambda: "llr,file,family\n"
    + "".join(f'{s},"{n}",x\n' for n, s in SCORES.items()),
    "aasist": lambda: "".join(f"{n} - {'bonafide' if n in REALS else 'spoof'} {s}\n"
                              for n, s in SCORES.items()),
    "asvspoof 5": lambda: "".join(f"sp {n} {s} {'bonafide' if n in REALS else 'spoof'}\n"
                                  for n, s in SCORES.items()),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_score_files(tmp_path, layout):
    path = write(tmp_path / "scores", LAYOUTS[layout]())
    assert read_scores(path).scores == SCORES
    packed = tmp_path / "scores.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_scores(packed) == read_scores(path)


def test_joined_on_ids_whatever_the_order(tmp_path, key):
    straight = run(scores_csv(tmp_path / "a.csv", SCORES), "--key", key)
    turned = run(scores_csv(tmp_path / "b.csv", dict(reversed(SCORES.items()))), "--key", key)
    assert straight == turned and pooled(straight) == 1 and pooled(straight, "eer_official") == 0
    assert [row["name"] for row in straight["left_out"]["groups"]] == ["tts", "vc"]
    assert straight["left_out"]["above_original"]["share"] == 1
    assert straight["left_out"]["pooled"]["figures"]["auc"]["by_person"]["units"] == 3


def test_polarity(tmp_path, key):
    path = scores_csv(tmp_path / "s.csv", SCORES)
    found = run(path, "--key", key, "--higher-is", "bona-fide")
    assert pooled(found) == 0 and "below 0.5" in " ".join(found["notes"])
    assert "synthetic (as is the custom of folder" in " ".join(run(path, "--key", key)["notes"])
    theirs = write(tmp_path / "k.txt", "".join(
        f"S1 {n} - {'-' if n in REALS else 'A07'} {'bonafide' if n in REALS else 'spoof'}\n"
        for n in SCORES))  # fmt: skip
    assert pooled(run(path, "--key", theirs)) == 0  # high = bona fide there
    assert pooled(run(path, "--key", theirs, "--higher-is", "synthetic")) == 1
    scan = write(tmp_path / "scan.jsonl", LAYOUTS["json lines"]())
    assert pooled(run(scan, "--key", theirs)) == 1  # a scan has a polarity of its own


def test_probabilities(tmp_path, key):
    shares = {name: 1 / (1 + np.exp(-score)) for name, score in SCORES.items()}
    found = run(scores_csv(tmp_path / "p.csv", shares), "--key", key, "--probabilities")
    plain = run(scores_csv(tmp_path / "s.csv", SCORES), "--key", key)
    assert pooled(found, "cllr") == pytest.approx(pooled(plain, "cllr"))
    assert to_ratios({"a": 0.8, "b": None}, "bona-fide", True) == {
        "a": pytest.approx(-np.log(4)), "b": None,
    }  # fmt: skip
    ends = scores_csv(tmp_path / "e.csv", shares | {"r0": 0, "f0": 1})
    notes = run(ends, "--key", key, "--probabilities")["notes"]
    assert "2 probabilities are exactly 0 or 1" in " ".join(notes)
    done = command("bench", "score", tmp_path / "s.csv", "--key", key, "--probabilities")
    assert done.code == 2 and "outside 0..1" in done.complaint


def test_missing_and_surplus_ids_are_counted(tmp_path, key):
    fewer = {n: s for n, s in SCORES.items() if n != "f3"} | {"x": 1.0, "r1": ""}
    found = run(scores_csv(tmp_path / "s.csv", fewer), "--key", key)
    assert (found["scored"], found["missing"], found["surplus"]) == (10, 2, 1)
    assert found["left_out"]["pooled"]["real"] == 5 and found["scored_zero"]["pooled"]["real"] == 6
    told = command("bench", "score", tmp_path / "s.csv", "--key", key, "--draws", 0).out
    assert "10 of 12 files have a score, 2 have none; 1 scores are of no file" in told
    assert "The same with 0, no evidence, for the 2 files without a score" in told


def test_ids_of_paths(tmp_path, key):
    lines = "".join(
        json.dumps({"path": f"/data/set/{n}.flac", "score": s}) + "\n" for n, s in SCORES.items()
    )
    scan = write(tmp_path / "scan.jsonl", lines)
    assert pooled(run(scan, "--key", key, "--ids", "stem")) == 1
    done = command("bench", "score", scan, "--key", key)
    assert done.code == 3 and "no id in common" in done.complaint and "--ids" in done.complaint
    rooted = write(tmp_path / "k.csv", key.read_text().replace("r", "a/r").replace("f", "b/f"))
    assert read_scores(scan, root=tmp_path).scores.keys() == read_scores(scan).scores.keys()
    under = read_scores(scan, root=tmp_path.parents[-1] / "data").scores
    assert "set/r0.flac" in under and rooted.exists()
    twice = write(tmp_path / "t.csv", "file,score\na/x.wav,1\nb/x.wav,2\n")
    assert len(read_scores(twice).scores) == 2
    done = command("bench", "score", twice, "--key", key, "--ids", "name")
    assert done.code == 3 and "line 3: 'x.wav' has a score already" in done.complaint


def test_one_split_of_a_key(tmp_path, key):
    text = key.read_text().replace("r0,real,,p0,test", "r0,real,,p0,dev")
    mixed = write(tmp_path / "mixed.csv", text)
    path = scores_csv(tmp_path / "s.csv", SCORES)
    found = run(path, "--key", mixed, "--split", "test")
    assert found["in_key"] == 11 and found["surplus"] == 1
    assert "splits dev, test are pooled" in " ".join(run(path, "--key", mixed)["notes"])
    done = command("bench", "score", path, "--key", mixed, "--split", "val")
    assert done.code == 2 and "'val'" in done.complaint and "dev, test" in done.complaint


def test_a_result_file_is_written(tmp_path, key):
    out = tmp_path / "out.json"
    path = scores_csv(tmp_path / "s.csv", SCORES)
    done = command("bench", "score", path, "--key", key, "-o", out,
                   "--draws", 10)  # fmt: skip
    assert done.code == 0 and "AUC" in done.out
    found, key_again, scores = read_results(out)
    assert scores == SCORES and found["settings"]["higher_is"] == "synthetic"
    assert key_again.trials == read_key(key).trials


def test_tandem_cost_with_verification_scores(tmp_path, key):
    rng = np.random.default_rng(0)
    lines = [f"bonafide target {v}\n" for v in rng.normal(4, 1, 50)]
    lines += [f"bonafide nontarget {v}\n" for v in rng.normal(-4, 1, 50)]
    lines += [f"A07 spoof {v}\n" for v in rng.normal(2, 1, 50)]
    asv = write(tmp_path / "asv.txt", "".join(lines))
    path = scores_csv(tmp_path / "s.csv", SCORES)
    found = run(path, "--key", key, "--asv-scores", asv)
    assert pooled(found, "min_tdcf_legacy") == 0 and 0 <= pooled(found, "min_tdcf") < 0.05
    assert found["asv"]["miss"] < 0.05
    asv.write_text("".join(lines[:100]))
    done = command("bench", "score", path, "--key", key, "--asv-scores", asv)
    assert done.code == 3 and "spoofs" in done.complaint
    done = command("bench", "score", path, "--key", key, "--asv-scores", key)
    assert done.code == 3 and "verification scores are lines of" in done.complaint


def test_keys_of_asvspoof(tmp_path):
    keys = {
        "2019": ("LA_0039 LA_E_1 - A11 spoof\nLA_0014 LA_E_2 - - bonafide\n",
                 "ASVspoof 2019", Trial("LA_E_1", True, "A11", "LA_0039")),
        "2021 LA": ("LA_0009 LA_E_1 alaw ita_tx A07 spoof notrim eval\n"
                    "LA_0020 LA_E_2 g722 loc_tx bonafide bonafide notrim progress\n",
                    "ASVspoof 2021 LA", Trial("LA_E_1", True, "A07", "LA_0009", "eval")),
        "2021 PA": ("PA_0010 PA_E_1 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval\n"
                    "PA_0010 PA_E_2 R3 M3 D4 - - - - bonafide notrim eval\n",
                    "ASVspoof 2021 PA", Trial("PA_E_1", True, "", "PA_0010", "eval")),
        "2021 DF": ("LA_0023 DF_E_1 nocodec asvspoof A14 spoof notrim progress "
                    "traditional_vocoder - - - -\n"
                    "TEF2 DF_E_2 low_m4a vcc2020 bonafide bonafide notrim eval "
                    "bonafide - - - -\n",
                    "ASVspoof 2021 DF",
                    Trial("DF_E_1", True, "traditional_vocoder", "LA_0023", "progress",
                          "asvspoof")),
        "5": ("D_0062 D_1 F - - - AC1 A11 spoof -\nD_0755 D_2 F - - - - bonafide bonafide -\n",
              "ASVspoof 5", Trial("D_1", True, "A11", "D_0062")),
        "5 with names": ("filename\tcm-label\nE_1\tspoof\nE_2\tbonafide\n",
                         "ASVspoof 5", Trial("E_1", True)),
    }  # fmt: skip
    for name, (text, protocol, first) in keys.items():
        key = read_key(write(tmp_path / name, text))
        assert (key.protocol, key.trials[0]) == (protocol, first), name
        assert key.higher_is == "bona-fide" and not key.trials[1].synthetic
        assert key.trials[1].group == ""


def test_key_of_celeb_df_has_one_for_real(tmp_path):
    key = read_key(write(tmp_path / "List_of_testing_videos.txt",
                         "1 YouTube-real/00170.mp4\n1 Celeb-real/id1_0007.mp4\n"
                         "0 Celeb-synthesis/id1_id0_0007.mp4\n"))  # fmt: skip
    assert key.protocol == "Celeb-DF" and key.higher_is == "synthetic"
    assert [trial.synthetic for trial in key.trials] == [False, False, True]
    assert key.trials[2].original == key.trials[1].file
    assert [trial.person for trial in key.trials] == ["YouTube-real/00170", "id1", "id1"]


BAD_SCORES = {
    "not a number": ("file,score\nr0,1\nf0,high\n", "line 3: 'high' is no number"),
    "nan": ("file,score\nr0,1\n\nf0,nan\n", "line 4: the score nan is not finite"),
    "infinity": ("r0 1\nf0 -inf\n", "line 2: the score -inf is not finite"),
    "twice": ("file,score\nr0,1\nr0,1\n", "line 3: 'r0' has a score already"),
    "ragged": ("file,score\nr0,1\nf0\n", "line 3: 1 columns where there were 2"),
    "nameless": ("file,score\n,1\n", "line 2: no file is named"),
    "empty": ("", "holds no lines"),
    "blank": ("\n\n  \n", "holds no lines"),
    "names alone": ("file,score\n", "holds no scores"),
    "prose": ("once upon a time there was\n", "no score file that is known"),
    "three columns": ("a b 1\n", "no score file that is known"),
    "binary": ("\0\1\2\3", "is not a text file"),
    "long": ("r0," + "1" * 100_000, "too long"),
    "open quote": ('file,score\n"r0,1\n', "line 2"),
    "markup": ("file,score\n[red]\x1b[31m,x\n", "is no number"),
    "json without score": ('{"path": "r0"}\n', "line 1: not an object with path and score"),
    "json list": ('{"path": "r0", "score": 1}\n[1]\n', "line 2: not an object"),
    "json nan": ('{"path": "r0", "score": NaN}\n', "line 1: the score is not finite"),
    "json huge": ('{"path": "r0", "score": 1' + "0" * 400 + "}\n", "line 1: the score is not"),
    "json text": ('{"path": "r0", "score": "1"}\n', "line 1: the score is no number"),
    "json true": ('{"path": "r0", "score": true}\n', "line 1: the score is no number"),
    "json nameless": ('{"path": 3, "score": 1}\n', "line 1: no file is named"),
    "json deep": ('{"path": ' + "[" * 60_000 + "\n", "line 1: not an object"),
}


@pytest.mark.parametrize("case", BAD_SCORES)
def test_a_bad_score_file_is_one_line(tmp_path, key, case):
    text, said = BAD_SCORES[case]
    done = command("bench", "score", write(tmp_path / "s", text), "--key", key)
    assert done.code == 3 and said in done.complaint


def test_files_that_cannot_be_opened(tmp_path, key):
    for path in (tmp_path / "nowhere", tmp_path):
        done = command("bench", "score", path, "--key", key)
        assert done.code == 3 and "cannot be read" in done.complaint
        done = command("bench", "score", key, "--key", path)
        assert done.code == 3 and "cannot be read" in done.complaint
    broken = tmp_path / "s.gz"
    broken.write_bytes(gzip.compress(b"file,score\n" + bytes(range(65, 91)) * 90)[:-20])
    done = command("bench", "score", broken, "--key", key)
    assert done.code == 3 and "cannot be read" in done.complaint


BAD_KEYS = {
    "labels that are numbers": ("file,label\nr0,0\nf0,1\n", "says real or fake"),
    "a file twice": ("file,label\nr0,real\nr0,fake\n", "line 3: 'r0' stands in the key already"),
    "no label": ("file,group\nr0,x\n", "no key that is known"),
    "columns": ("a b c d e f\n", "no key that is known"),
    "a wrong word": ("S1 r0 - - bonafide\nS1 f0 - A07 cake\n", "line 2: a label says"),
    "no files": ("file,label\n", "holds no files"),
    "celeb": ("1 Celeb-real/a.mp4\n2 Celeb-real/b.mp4\n", "line 2: a label is 0 (fake) or 1"),
    "nameless": ("file,label\n,real\n", "line 2: no file is named"),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_a_bad_key_is_one_line(tmp_path, case):
    text, said = BAD_KEYS[case]
    scores = scores_csv(tmp_path / "s.csv", SCORES)
    done = command("bench", "score", scores, "--key", write(tmp_path / "k", text))
    assert done.code == 3 and said in done.complaint


def test_scores_of_one_class_are_nothing_to_score(tmp_path, key):
    for names, missing in ((REALS, "synthetic"), (FAKES, "real")):
        path = scores_csv(tmp_path / "s.csv", {name: SCORES[name] for name in names})
        done = command("bench", "score", path, "--key", key, "--draws", 0)
        assert done.code == 4 and f"no {missing} file of the key has a score" in done.complaint


def test_mistakes_of_usage(tmp_path, key):
    path = scores_csv(tmp_path / "s.csv", SCORES)
    assert command("bench", "score", path).code == 2
    assert command("bench", "score", path, "--key", key, "--higher-is", "up").code == 2
    done = command("bench", "score", path, "--key", key, "-o", tmp_path / "no" / "out.json",
                   "--draws", 0)  # fmt: skip
    assert done.code == 7 and "folder does not exist" in done.complaint
