"""Faults made for real: kills, full disks, read-only folders, damage, races, want of memory.

``make faults`` runs the long loops; ``tests/test_faults.py`` is their short form.
"""
