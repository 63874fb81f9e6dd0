"""The engine's hot functions three times: pure Python, Cython and Rust, with equal octets.

`pure` says what is meant, `compiled.pyx` what a Python programmer with a C compiler reaches, and
`mailauth_fast._core.kernels` is the engine. `uv run python bench/kernels/build.py` compiles;
`uv run pytest bench/kernels/bench_kernels.py --benchmark-enable -n 0` measures.
"""
