"""The templates of pages, their style sheet, and the policy that allows it alone."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import Any

import jinja2
from markupsafe import Markup

import avsynth


def fill(name: str, values: dict[str, Any], sha256: str | None = None) -> str:
    """A template with ``values``, all of them escaped. ``sha256`` is printed on every sheet."""
    foot = f"SHA-256 {sha256}" if re.fullmatch("[0-9a-f]{64}", sha256 or "") else ""
    css = _environment().get_template("style.css").render(foot=foot)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    around = {"css": Markup(css), "policy": policy, "version": avsynth.__version__}
    return _environment().get_template(name).render(values | around)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("detectors.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
