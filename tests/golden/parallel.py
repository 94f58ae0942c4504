"""Makes tests/fixtures/golden/python/parallel.json: the rows that Python's `random` draws for DCO (methods 3.3).

Run by hand from the repository's root, never by the tests:

    python3 tests/golden/parallel.py

Written from the description: the split is a sample of the positions; each pass goes through it in the order drawn, draws an
ordered pair of languages if there are more than two, leaves out rows with fewer than two candidates, and draws two distinct
candidates of the first language. The questions are made by a formula that the test repeats: question q has 1 + 7q mod 6
candidates in every language, and its right one is at q modulo their number.
"""

import json
import random
import sys
from pathlib import Path

OUT = Path("tests/fixtures/golden/python/parallel.json")
CASES = [
    {"languages": 2, "questions": 40, "train": 40, "passes": 1, "false_only": False, "seed": 0},
    {"languages": 2, "questions": 60, "train": 25, "passes": 3, "false_only": True, "seed": 1},
    {"languages": 3, "questions": 300, "train": 30, "passes": 2, "false_only": False, "seed": 0},
    {"languages": 24, "questions": 50, "train": 50, "passes": 1, "false_only": True, "seed": 42},
]


def rows(case: dict) -> tuple:
    random.seed(case["seed"])
    train = random.sample(list(range(case["questions"])), case["train"])
    rows = []
    for _ in range(case["passes"]):
        for question in train:
            languages = list(range(case["languages"]))
            first, second = languages if len(languages) == 2 else random.sample(languages, 2)
            count = 1 + 7 * question % 6
            kept = [place for place in range(count) if not (case["false_only"] and place == question % count)]
            if len(kept) < 2:
                continue
            chosen, rejected = random.sample(list(range(len(kept))), 2)
            rows.append([question, first, second, kept[chosen], kept[rejected]])
    return train, rows


def main() -> None:
    about = {"script": "tests/golden/parallel.py", "python": sys.version.split()[0]}
    cases = []
    for case in CASES:
        train, drawn = rows(case)
        cases.append({**case, "train_ids": train, "rows": drawn})
    OUT.write_text(json.dumps({**about, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
