"""avsynth consent: make, sign, check and take back consent records, and say whom to trust."""

from __future__ import annotations

import datetime as dt
import enum
import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer

from avsynth.errors import ConsentError, UsageError

app = typer.Typer(no_args_is_help=True, help="Consent records: make, sign, check, revoke.")
trust_app = typer.Typer(no_args_is_help=True, help="Whose signatures this machine believes.")
app.add_typer(trust_app, name="trust")


class Kind(enum.StrEnum):
    """The kinds of record."""

    subject = "subject"
    synthetic = "synthetic"
    dataset = "dataset"


class ScopeOption(enum.StrEnum):
    """What may be made."""

    face = "face"
    voice = "voice"


T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Record = Annotated[Path, typer.Argument(help="A consent record.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Ed25519 key (PEM). Default: this machine's own.")
]
Revocations = Annotated[
    list[Path] | None, typer.Option("--revocations", help="A further revocation list. Repeatable.")
]


@app.command()
def new(
    kind: Annotated[Kind, typer.Option(help="What the record is about.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it.")],
    name: Annotated[str, typer.Option(help="Of the person or of the data set.")],
    files: Annotated[list[Path] | None, typer.Argument(help="Further media files.")] = None,
    media: Annotated[
        list[Path] | None,
        typer.Option(help="Files it covers; of a subject, reference media of the person."),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="dataset: such as CC-BY-4.0.")] = None,
    scope: Annotated[
        list[ScopeOption] | None, typer.Option(help="subject: face, voice or both. Repeatable.")
    ] = None,
    purpose: Annotated[
        list[str] | None, typer.Option(help="Such as research, commercial. Repeatable.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="subject: allowed languages. Default: any.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="A day (2027-01-31), or a number of days (90d).")
    ] = None,
    valid_from: Annotated[str | None, typer.Option(help="A day. Default: now.")] = None,
    distance: Annotated[
        float | None, typer.Option(help="synthetic: to the nearest real person.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="synthetic: distance below which it is somebody.")
    ] = None,
    measure: Annotated[
        str | None, typer.Option(help="synthetic: how distances were measured.")
    ] = None,
    compared: Annotated[
        int | None, typer.Option(help="synthetic: number of real people compared.")
    ] = None,
    key: KeyFile = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Leave the signing to somebody else.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a record, signed with this machine's key unless told otherwise."""
    from avsynth.provenance import consent, records
    from avsynth.provenance.keys import load_key

    if key is not None and unsigned:
        raise UsageError("--key signs and --unsigned does not: give one of them")
    paths = [*(media or []), *(files or [])]
    if not paths:
        raise UsageError("no media", hint="name the files with --media")
    _refuse_foreign_options(
        kind,
        {
            "--licence": licence,
            "--scope": scope,
            "--language": language,
            "--distance": distance,
            "--threshold": threshold,
            "--measure": measure,
            "--compared": compared,
        },
    )
    _refuse_overwriting(out)
    begins, ends = _day(valid_from, "--valid-from"), _day(expires, "--expires")
    if kind is Kind.subject:
        if ends is None:
            raise UsageError("a subject record needs --expires")
        made = consent.new_subject(
            name,
            cast("list[records.Scope]", [s.value for s in _needed(scope, "--scope")]),
            paths,
            ends,
            _needed(purpose, "--purpose"),
            languages=language,
            valid_from=begins,
        )
    elif kind is Kind.synthetic:
        nearest = records.Nearest.model_construct(
            distance=_needed(distance, "--distance"),
            threshold=_needed(threshold, "--threshold"),
            measure=_needed(measure, "--measure"),
            compared=_needed(compared, "--compared"),
        )
        made = consent.new_synthetic(
            name, paths, nearest, purpose or [], valid_from=begins, expires=ends
        )
    else:
        made = consent.new_dataset(
            name,
            _needed(licence, "--licence"),
            paths,
            purpose or [],
            valid_from=begins,
            expires=ends,
        )
    if not unsigned:
        made = consent.sign(made, load_key(key) if key else None)
    made = consent.save(made, out)
    _show(made, "Wrote", as_json)


@app.command()
def sign(
    record: Record,
    key: KeyFile = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: in place.")] = None,
    as_json: Json = False,
) -> None:
    """Sign a record that somebody else has prepared, after reading it."""
    from avsynth.provenance import consent
    from avsynth.provenance.keys import load_key

    loaded = consent.load(record)
    if out not in (None, record):
        _refuse_overwriting(out)
    signed = consent.sign(loaded, load_key(key) if key else None)
    _show(consent.save(signed, out or record), "Signed", as_json)


@app.command()
def check(
    record: Record,
    media: Annotated[Path | None, typer.Option(help="Does it cover this file, too?")] = None,
    scope: Annotated[ScopeOption, typer.Option(help="What is to be made.")] = ScopeOption.face,
    purpose: Annotated[str | None, typer.Option(help="What for.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Of the new speech; needed where the record limits it.")
    ] = None,
    reference: Annotated[
        list[Path] | None, typer.Option(help="Reference media of the subject. Repeatable.")
    ] = None,
    revocations: Revocations = None,
    as_json: Json = False,
) -> None:
    """Check a record: signature, trust, dates, revocation; and, with --media, what it allows."""
    from avsynth.provenance import consent

    loaded = consent.load(record)
    if media is None:
        signed_by = consent.check(loaded, revocations=revocations or [])
        _show(loaded, f"Valid (signed by {signed_by}):", as_json)
        if loaded.record.kind == "subject" and not as_json:
            _say("  identity  not checked: name the film with --media")
        return
    allowed = consent.authorise(
        loaded,
        media,
        scope.value,
        purpose,
        language=language,
        revocations=revocations or [],
        references=reference or [],
    )
    if as_json:
        _print_json(allowed.as_dict())
        return
    _say(f"{record} allows to make a {scope.value} from {media}")
    _say(f"  purposes          {', '.join(allowed.purposes)}")
    _say(f"  visible label     {allowed.label or 'none'}")
    _say(f"  research weights  {'allowed' if allowed.allows_research_weights else 'excluded'}")
    _say(f"  identity          {allowed.identity}")
    for reason in allowed.reasons:
        _say(f"  - {reason}")


@app.command()
def revoke(
    record: Annotated[str, typer.Argument(help="A consent record, or a record's id.")],
    reason: Annotated[str, typer.Option(help="Shown to whoever tries to use it.")] = "",
    key: KeyFile = None,
    to: Annotated[
        Path | None,
        typer.Option("--list", help="A list to hand out. Default: this machine's own."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take a consent back. Outputs that exist already stay as they are."""
    from avsynth.provenance import consent, revocation
    from avsynth.provenance.keys import load_key

    if key is not None and to is None:
        raise UsageError("this machine's own list is signed with its own key", hint="give --list")
    if re.fullmatch("[0-9a-f]{32}", record) and not Path(record).exists():
        record_id, sha256, signature = record, None, None
    else:
        loaded = consent.load(Path(record))
        record_id, sha256, signature = loaded.record.id, loaded.sha256, loaded.record.signature
    path = revocation.revoke(
        record_id,
        sha256,
        reason,
        key=load_key(key) if key else None,
        path=to,
        signed_with=None if signature is None else signature.public_key,
    )
    if as_json:
        _print_json({"id": record_id, "sha256": sha256, "list": str(path)})
    else:
        _say(f"Revoked {record_id} in {path}")


@app.command()
def subscribe(
    revocations: Annotated[Path, typer.Argument(help="Somebody's revocation list.")],
    as_json: Json = False,
) -> None:
    """Look at somebody's revocation list from now on. Their key must be trusted."""
    from avsynth.provenance import revocation

    path = revocation.subscribe(revocations)
    if as_json:
        _print_json({"list": str(path)})
    else:
        _say(f"Always looked at from now on: {path}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of consent records."""
    from avsynth.provenance.records import published_schema

    sys.stdout.write(published_schema())


@trust_app.command("show")
def trust_show(as_json: Json = False) -> None:
    """Show this machine's key (made now, if there is none) and the keys that it trusts."""
    from avsynth.provenance import keys, trust

    own = keys.local_key()
    others = trust.trusted()
    if as_json:
        _print_json(
            {
                "this_machine": {"fingerprint": own.fingerprint, "public_key": own.public},
                "trusted": [
                    {
                        "name": k.name,
                        "fingerprint": k.fingerprint,
                        "public_key": k.public_key,
                        "added": k.added,
                    }
                    for k in others
                ],
            }
        )
        return
    _say(f"{own.fingerprint}  this machine  {own.public}")
    for key in others:
        _say(f"{key.fingerprint}  {key.name}  since {key.added[:10]}")


@trust_app.command("add")
def trust_add(
    signer: Annotated[str, typer.Argument(help="A signed record, or a public key in base64.")],
    name: Annotated[str, typer.Option(help="Whose key it is.")],
    fingerprint: Annotated[
        str | None,
        typer.Option(help="As the signer told you, the first 16 digits at least."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Trust a key, after its owner has told you the fingerprint by another way than the file."""
    from avsynth.provenance import consent, keys, trust

    public = signer
    if Path(signer).exists() or signer.endswith(".json"):
        public = consent.verify_signature(consent.load(Path(signer)))
    try:
        actual = keys.fingerprint_of(public)
    except ValueError as problem:
        raise UsageError("neither a signed record nor a public key in base64") from problem
    if fingerprint is None:
        if not sys.stdin.isatty():
            raise UsageError(
                "a key is trusted by its fingerprint", hint="ask the signer, give --fingerprint"
            )
        typer.confirm(f"Did the signer tell you this fingerprint?\n{actual}\n", abort=True)
    elif len(fingerprint) < 16 or not actual.startswith(fingerprint.lower()):
        raise ConsentError(f"the key's fingerprint is another one: {actual[:16]}")
    added = trust.add(public, name)
    if as_json:
        _print_json({"name": added.name, "fingerprint": actual, "public_key": public})
    else:
        _say(f"Trusted as {added.name}: {actual}")


@trust_app.command("remove")
def trust_remove(
    fingerprint: Annotated[str, typer.Argument(help="Its first 8 digits at least.")],
) -> None:
    """Trust a key no longer."""
    from avsynth.provenance import trust

    removed = trust.remove(fingerprint)
    _say(f"No longer trusted: {removed.name} {removed.fingerprint}")


@trust_app.command("root")
def trust_root(
    certificate: Annotated[Path, typer.Argument(help="Root certificates (PEM).")],
) -> None:
    """Trust a certificate authority when Content Credentials are verified."""
    from avsynth.provenance import certificates

    _say(f"Trusted root: {certificates.trust_root(certificate)}")


def _needed(value: T | None, option: str) -> T:
    if value is None or value == []:
        raise UsageError(f"this kind of record needs {option}")
    return value


def _refuse_foreign_options(kind: Kind, given: dict[str, Any]) -> None:
    own = {
        Kind.subject: {"--scope", "--language"},
        Kind.synthetic: {"--distance", "--threshold", "--measure", "--compared"},
        Kind.dataset: {"--licence"},
    }[kind]
    for option, value in given.items():
        if value not in (None, []) and option not in own:
            raise UsageError(f"{option} does not belong to a {kind.value} record")


def _refuse_overwriting(out: Path) -> None:
    from avsynth.provenance.home import exists

    if exists(out):
        raise UsageError("would overwrite an existing file", out, "name another one with -o")


def _day(text: str | None, option: str) -> dt.datetime | None:
    if text is None:
        return None
    if re.fullmatch(r"\d{1,5}d", text):
        return dt.datetime.now(dt.UTC) + dt.timedelta(days=int(text[:-1]))
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as problem:
        raise UsageError(f"{option}: not a day such as 2027-01-31: {text!r}") from problem
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _show(loaded: Any, verb: str, as_json: bool) -> None:
    from avsynth.provenance.keys import fingerprint_of
    from avsynth.provenance.text import plain

    record = loaded.record
    signer = record.signature and fingerprint_of(record.signature.public_key)
    if as_json:
        _print_json(
            {
                "path": str(loaded.path),
                "sha256": loaded.sha256,
                "signer": signer,
                "record": loaded.document,
            }
        )
        return
    about = record.person if record.kind == "subject" else record.name
    listed = record.references if record.kind == "subject" else record.media
    _say(f"{verb} {loaded.path}")
    _say(f"  kind      {record.kind}: {plain(about)}")
    if record.kind == "subject":
        _say(f"  scope     {', '.join(record.scopes)}")
        _say(f"  languages {', '.join(record.languages or ('any',))}")
    if record.kind == "dataset":
        _say(f"  licence   {plain(record.licence)}")
    _say(f"  purposes  {', '.join(record.purposes)}")
    _say(f"  valid     {record.valid_from} until {record.expires or 'it is revoked'}")
    _say(f"  files     {len(listed)}")
    _say(f"  sha256    {loaded.sha256}")
    _say(f"  signed by {signer or 'nobody yet: avsynth consent sign'}")


def _say(line: str) -> None:
    """Print one line; nothing in it is taken as markup or as a terminal escape."""
    from rich.console import Console

    text = "".join(c if c.isprintable() else " " for c in line)
    Console(soft_wrap=True).print(text, markup=False, highlight=False, emoji=False)


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=2))
