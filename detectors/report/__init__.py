"""Verdict -> text, JSON, HTML.

From ``Verdict.settings`` the reports read, where they are there: ``operating_point`` (0..1, the
share of real files that may be called synthetic), ``thresholds`` (part -> the log-likelihood ratio
from which on it is called synthetic at that rate, ``Fused.thresholds``), ``fusion_weights``
(detector -> its factor in the fusion) and ``examined`` (ISO 8601, when the file was examined). All
else in it is listed as it is.
"""
