"""Consent goes in, Content Credentials come out: records, signatures, labels."""
