"""Samples -> features: mel, Whisper states, activity, pitch."""
