"""Mutated files through every reader: only frames, labels or `InputError` may come out.

``make fuzz`` runs the full loops; ``tests/test_fuzz.py`` is their short form.
"""
