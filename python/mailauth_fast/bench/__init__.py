"""Seeded corpora and measurements: what this engine costs, beside this machine's own limit.

Knows how mail looks and what verifying it must cost; must not know how the engine works.
"""
