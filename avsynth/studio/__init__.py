"""The studio page: dubs, scans and consent records in a browser on this machine.

The same functions as the command line, behind a small server that listens on this machine alone
unless told otherwise. Nothing here decides what is allowed: the pipelines ask the consent record.
"""
