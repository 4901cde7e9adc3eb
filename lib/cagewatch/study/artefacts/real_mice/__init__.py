"""Real mice: 100 seconds, each half scored by detectors fitted on the other.

The protocol, written before any score, is ``docs/real_mice.md``.
"""
