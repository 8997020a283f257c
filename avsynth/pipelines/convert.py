"""Convert: the words of a recording in another voice. All but the voice stays.

What happens to the sound: pass one hears it and learns what its voice is like. Pass two takes it
apart and puts it together in the target's voice, window by window, into one file of raw samples.
Pass three reads the source again, in its own rate and channels, gives the new voice the loudness
that the old one had at each moment, and writes the output; a film's other streams are copied.
The output is decoded and measured, signed, read back, and only then gets its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import avsynth
from avsynth.cluster.connection import Cluster
from avsynth.errors import ConsentError
from avsynth.media import sha256_file
from avsynth.pipelines import convert_report as told
from avsynth.pipelines.convert_finish import finish
from avsynth.pipelines.convert_inputs import ConvertInputs, ConvertOptions, check_inputs
from avsynth.pipelines.convert_sound import convert_to, hear
from avsynth.pipelines.convert_work import remade
from avsynth.pipelines.job import Job
from avsynth.pipelines.outputs import publish, weights_report
from avsynth.pipelines.progress import Callback, Progress
from avsynth.pipelines.voice_target import Target, find_target
from avsynth.provenance import credentials
from avsynth.provenance.certificates import Signer
from avsynth.reporting import FileHash, Report, peak_memory_mb
from avsynth.speech.pitch_track import PitchStatistics
from avsynth.weights.voice_engines import ConversionModels, load_voice_engine

_JOB_FORMAT = 1  # of the files in the job folder; others are started afresh
_VOICE, _HEARD = "voice.f32", "heard.json"


def convert(
    source: Path,
    references: Sequence[Path],
    consent: Path,
    output: Path,
    options: ConvertOptions | None = None,
    *,
    signer: Signer | None = None,
    progress: Callback | None = None,
    cluster: Cluster | None = None,
) -> Report:
    """Give the speech in ``source`` another voice; write ``output`` and ``OUTPUT.report.json``.

    Args:
        source: anything with sound; of a film the first sound is converted and all else copied.
        references: recordings of the target, or one stored voice (.safetensors).
        consent: the record that allows to make the target's voice.
        output: its suffix names the container; see ``media.sound_format``.
        options: see ``ConvertOptions``.
        signer: certificate and key for the credentials; default this machine's own.
        progress: called with a ``Step`` as the work goes on.
        cluster: where pieces of the sound are converted; default this process.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name.
    """
    options = options or ConvertOptions()
    steps = Progress(progress)
    steps.start("checks")
    inputs = check_inputs(source, references, consent, output)
    credentials.refuse_tampered(source)
    target = find_target(references, consent, options.purpose, options.language)
    steps.start("networks")
    models = _models(options, target)
    with Job(output, _settings(inputs, target, models, options)) as job:
        if not job.done(_HEARD):
            heard = hear(source, inputs.info, models.voice, steps)
            remake = remade(models, target.voice, options.shifts, cluster)
            convert_to(job.path(_VOICE), source, inputs.info, heard, models.voice, remake, steps)
            # Written last: it says that the voice is complete.
            job.write_json(_HEARD, [heard.voice.active_seconds, heard.voice.pitch])
        joined = job.path(f"finished{output.suffix}")
        finished = finish(
            joined, source, inputs.info, job.path(_VOICE), models.voice.rate, inputs.how, steps
        )
        steps.start("sign")
        signed = credentials.sign(
            joined,
            job.path(f"signed{output.suffix}"),
            actions=told.actions(models, target, options),
            title=output.name,
            parent=credentials.Source(source, inputs.sha256),
            inputs=[credentials.Source(path, sha256) for path, sha256 in target.files.items()],
            models=[credentials.Model(m.name, m.sha256) for m in models.loaded],
            consent=target.allowed[0].consent,
            signer=signer,
        )
        credentials.verify_ours(signed, consent=target.allowed[0].consent)
        sha256 = sha256_file(signed.path)
        steps.finish()
        speech_seconds, pitch = job.read_json(_HEARD)
        report = Report(
            verb="convert",
            avsynth_version=avsynth.__version__,
            output=FileHash(path=str(output), sha256=sha256),
            inputs=[
                FileHash(path=str(path), sha256=value)
                for path, value in {source: inputs.sha256, **target.files}.items()
            ],
            weights=weights_report(models.loaded),
            settings=options.model_dump(mode="json"),
            consent=told.consent_report(target),
            frames=0,
            seconds=finished.samples / inputs.how.rate,
            fit="",
            outcomes={},
            faces=[],
            sound=told.sound_report(
                inputs,
                models,
                target,
                finished,
                speech_seconds,
                PitchStatistics(*pitch),
                sum(steps.seconds.values()),
            ),
            damaged_frames=0,
            resumed=job.resumed,
            stage_seconds=steps.seconds,
            frames_per_second=0.0,
            peak_memory_mb=peak_memory_mb(),
            notes=told.notes(inputs, models, target, finished, signed, output.name),
        )
        publish(report, signed, output, job)
    return report


def _models(options: ConvertOptions, target: Target) -> ConversionModels:
    import torch

    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    commercial = any(allowed.commercial for allowed in target.allowed)
    models = load_voice_engine(
        options.weights, "commercial" if commercial else "research", options.engine, device
    )
    for model in models.loaded:
        if commercial and model.purpose == "research":
            raise ConsentError(
                f"the consent is for commercial work, which excludes {model.name}",
                hint="name other --weights",
            )
    return models


def _settings(
    inputs: ConvertInputs, target: Target, models: ConversionModels, options: ConvertOptions
) -> dict[str, Any]:
    """All that the converted voice depends on; another of these is another job."""
    return {
        "avsynth": avsynth.__version__,
        "job_format": _JOB_FORMAT,
        "verb": "convert",
        "source": inputs.sha256,
        "target": list(target.files.values()),
        "options": options.model_dump(mode="json"),
        "engine": models.voice.name,
        "weights": {model.kind: [model.sha256, model.engine] for model in models.loaded},
        "consent": target.allowed[0].record_sha256,
    }
