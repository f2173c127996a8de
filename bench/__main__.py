"""Benchmarks of thaw: each prints tables, ratios first, and appends them to bench/RESULTS.md.

{listing}

python -m bench NAME --help says more.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys

from bench.measure import RESULTS, append, environment, section
from thaw.command import run

BENCHMARKS = {
    "limit": "training and evaluation against a bare loop on a tensor in memory",
    "gpu": "the same on a GPU, and against a DataLoader with 16 workers",
    "precision": "training and evaluation in bf16 against fp32, by model, on this CPU",
    "pipeline": "from raw pictures to the table of strategies, against scripts as others write them",
    "caches": "each cache on against off: same figures, time, disk",
    "decode": "decoding into one array against bare Pillow",
    "memory": "peak memory of training on 112,120 images",
    "scale": "time against the number of images and of strategies",
    "evaluation": "statistics of one cell from stored predictions, at NIH's size",
    "use": "a packaged model on new images against a bare forward pass",
    "start-up": "import time of each stage; a pipeline with nothing to do",
    "full-scale": "NIH's full size: download, labels, split, preprocess, a second run",
}
LISTING = "\n".join(f"  {name:<11} {what}" for name, what in BENCHMARKS.items())


def main() -> None:
    """Run the benchmark that is named first; only its module is imported."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=(__doc__ or "").format(listing=LISTING),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("options", nargs=argparse.REMAINDER, help="those of the benchmark")
    chosen = parser.parse_args()
    benchmark = importlib.import_module(f"bench.{chosen.name.replace('-', '_')}")
    given = _options(chosen.name, benchmark, chosen.options)
    tables = benchmark.measure(given)
    if not tables:
        return
    command = shlex.join(["python", "-m", "bench", chosen.name, *chosen.options])
    text = section(command, environment(), tables)
    print(text)
    if given.quick or given.no_record:
        print("not recorded", file=sys.stderr)
    else:
        append(RESULTS, text)


def _options(name: str, benchmark: object, options: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m bench {name}",
        description=benchmark.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--quick", action="store_true", help="a short run to see that it works; records nothing")
    parser.add_argument("--no-record", action="store_true", help="print, but do not append to bench/RESULTS.md")
    benchmark.add_options(parser)  # type: ignore[attr-defined]
    return parser.parse_args(options)


if __name__ == "__main__":
    run(main)
