"""Put trained weights where the package ships them, and write the manifest.

    python recipes/publish.py runs/*/sync-*.safetensors

A name that is there already keeps its place, a new one comes last; the card is NAME.md, which a
network on mels shares with the one on Whisper.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from avsynth.weights import file as weights_file
from avsynth.weights import manifest

SHIPPED = Path(manifest.__file__).parent / "shipped"


def main() -> None:
    """Copy the files and replace or add their rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    rows = {entry.name: entry for entry in manifest.list_weights()}
    rows |= {entry.name: entry for entry in map(publish, parser.parse_args().files)}
    manifest.write_manifest(list(rows.values()), SHIPPED)


def publish(path: Path) -> manifest.Entry:
    """Check one file, copy it, and describe it."""
    source = weights_file.read(path)
    # A discriminator knows the features, not whose they are: its statement says it.
    front_end = getattr(source.config, "front_end", source.metadata.get("front_end"))
    name = source.metadata["name"]
    target = SHIPPED / f"{name}.safetensors"
    shutil.copyfile(path, target)
    return manifest.Entry(
        name=name,
        kind=source.kind,
        file=target.name,
        sha256=source.sha256,
        licence=source.metadata["licence"],
        purpose=source.metadata["purpose"],
        card=f"{name.removesuffix('-mel')}.md",
        needs="whisper" if front_end == "whisper" else "",
    )


if __name__ == "__main__":
    main()
