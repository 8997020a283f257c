"""Tests here share one home and what was made in it."""

from dub_helpers import _private_home  # noqa: F401
