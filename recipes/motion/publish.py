"""Put trained weights where the package ships them, and write the manifest.

    python recipes/motion/publish.py runs/*/motion-*.safetensors

The order of the arguments is the order of the manifest; weights of other kinds stay in it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from avsynth.models.motion import MotionConfig
from avsynth.weights import file as weights_file
from avsynth.weights import manifest

SHIPPED = Path(manifest.__file__).parent / "shipped"


def main() -> None:
    """Copy the files and replace their rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    new = [publish(path) for path in parser.parse_args().files]
    names = {entry.name for entry in new}
    others = [entry for entry in manifest.list_weights() if entry.name not in names]
    manifest.write_manifest([*new, *others], SHIPPED)


def publish(path: Path) -> manifest.Entry:
    """Check one file, copy it, and describe it."""
    source = weights_file.read(path)
    config = source.config
    assert isinstance(config, MotionConfig)
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
        needs="whisper" if config.front_end == "whisper" else "",
    )


if __name__ == "__main__":
    main()
