"""Put trained weights where the package ships them, and write the manifest.

    python recipes/publish.py runs/*/sync-*.safetensors

For weights of any kind without a front end of their own. A name that is there already keeps its
place, a new one comes last; the card is NAME.md.
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
        card=f"{name}.md",
    )


if __name__ == "__main__":
    main()
