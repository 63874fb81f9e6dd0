"""Third-party vectors and real mail of `../shared/suites`, judged through the public door.

One `suites_<protocol>.py` a protocol reads its folders into `Case`s; `deviations.py` lists, with
the sentence of the RFC, where a suite and the standard part; `table.py` runs a suite and prints the
README's table. `python -m tests.conformance` prints it as Markdown. Test data is read where it
lies, never copied.
"""
