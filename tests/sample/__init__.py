"""A small signed archive, its DNS answers and its verdicts; `generate.py` makes them."""
