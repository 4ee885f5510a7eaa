"""Fuzz readers for some minutes: fuzz.py --minutes 10 [--only pictures]; ends with a table, and 1 for a finding."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
import traceback

os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, Phase, given, seed, settings
from properties import Property, properties

from generator.data import decode as decoding

ROUND = 200  # examples of one reader before the next one's turn


def main() -> int:
    """Take turns until the time is over; each finding is told in its smallest form."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=0, help="of the first round; each has the next number")
    asked.add_argument("--only", default="", help="readers whose name contains this")
    wishes = asked.parse_args()
    every = [one for one in properties() if wishes.only in one.name]
    began, number, findings = time.monotonic(), wishes.seed, {}
    while time.monotonic() - began < 60 * wishes.minutes:
        for one in every:
            if one.name not in findings and (error := attempt(one, number)):
                findings[one.name] = f"round {number}: {error}"
        number += 1
    print(f"{'reader':36}{'examples':>10}{'read':>10}{'refused':>10}{'findings':>10}{'longest':>10}")
    for one in every:
        print(f"{one.name:36}{one.counts.total():>10}{one.counts['read']:>10}{one.counts['refused']:>10}", end="")
        print(f"{one.name in findings:>10}{one.longest:>8.2f} s")
    total = sum(one.counts.total() for one in every)
    print(f"{total} examples in {(time.monotonic() - began) / 60:.1f} minutes, rounds {wishes.seed} to {number - 1}")
    decoding._decoder.close()  # so that what it took is counted
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"the process that decodes pictures took at most {peak:.0f} MB")
    for name, error in findings.items():
        print(f"\n{name}: {error}")
    return 1 if findings else 0


def attempt(one: Property, number: int) -> str:
    """One round; what went wrong, or nothing."""
    wishes = settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    try:
        seed(number)(wishes(given(one.given)(lambda value: one(value))))()
    except Exception:  # whatever a reader lets through is a finding
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    sys.exit(main())
