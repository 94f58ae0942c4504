"""Makes tests/fixtures/golden/python/random.json: what Python's `random` module draws.

Run by hand from the repository's root, never by the tests:

    python3 tests/golden/python_random.py

Each case is one generator that is asked for several things in a row, so an error in the number of words that one of them
takes shows in the next.
"""

import json
import random
import sys
from pathlib import Path

OUT = Path("tests/fixtures/golden/python/random.json")
SEEDS = [0, 1, 7, 42, 2**32 - 1, 2**32, 2**53 + 1, 2**64 - 1]
BOUNDS = [1, 2, 3, 10, 624, 2**31, 2**32 - 1, 2**32, 2**33 + 5, 2**53]
# Populations at both sides of the limit between list and set (21 for up to 5 items), and those of DCO's splits.
SAMPLES = [(1, 1), (2, 2), (21, 5), (22, 5), (22, 2), (85, 6), (86, 6), (90, 21), (280, 22), (1000, 800), (6792, 64), (14042, 40), (5, 0)]


def case(seed: int) -> dict:
    source = random.Random(seed)
    letters = list(range(30))
    drawn = {"seed": seed, "random": [source.random() for _ in range(3)]}
    drawn["below"] = [source.randrange(bound) for bound in BOUNDS]
    drawn["samples"] = [source.sample(range(population), count) for population, count in SAMPLES]
    drawn["choices"] = [source.choice(letters) for _ in range(5)]
    source.shuffle(letters)
    drawn["shuffled"] = letters
    # Behind several refills of the state.
    for _ in range(5000):
        last = source.random()
    drawn["last"] = last
    return drawn


def main() -> None:
    about = {"script": "tests/golden/python_random.py", "python": sys.version.split()[0], "bounds": BOUNDS, "sizes": SAMPLES}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(json.dumps(case(seed)) for seed in SEEDS)
    OUT.write_text(json.dumps(about)[:-1] + ', "cases": [\n' + rows + "\n]}\n")


if __name__ == "__main__":
    main()
