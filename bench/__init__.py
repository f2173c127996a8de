"""Benchmarks of thaw, run from the repository's folder: ``python -m bench NAME``.

A benchmark is a module with ``add_options(parser)`` and ``measure(given)``, which returns its tables (none where it
cannot be run here), and a line in ``bench.__main__.BENCHMARKS``.
"""
