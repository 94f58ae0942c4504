"""Runs chorale and its peers on the same jobs, turn by turn on one machine, and prints the README's table.

Usage: python compare.py FOLDER [ROUNDS]     (needs torch, transformers, peft, trl, datasets, onnxruntime-genai, onnx_ir,
                                              lm-eval; FOLDER is made by model.py if it is not there)

Every job runs ROUNDS times (3) on each side, one side after the other, 2 threads; medians. The no-op comparison is
noop.py's.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# (what it is, chorale's bench and job, the peer's script and job)
JOBS = [
    ("DPO + LoRA step, 4 pairs of about 128 + 100 + 100 tokens", ("train", "dpo"), ("peers.py", "dpo-trl")),
    ("LM step of the quickstart's model, 128 texts", ("train", "lm"), ("lm.py", None)),
    ("sampling, 32 prompts of 64 tokens, 128 new, top-p 0.9", ("decode", "generate"), ("peers.py", "generate-transformers")),
    ("the same", ("decode", "generate"), ("peers.py", "generate-genai")),
    ("ranking 10 candidates behind about 24 tokens", ("decode", "rank"), ("peers.py", "rank-lm-eval")),
]


def last_value(command: list[str], **options: object) -> dict:
    """The last JSON line with a `value` that the command prints."""
    shown = subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout
    lines = [line for line in shown.splitlines() if line.startswith("{") and '"value"' in line]
    return json.loads(lines[-1])


def chorale(folder: Path, bench: str, job: str) -> dict:
    return last_value(["cargo", "bench", "-q", "--bench", bench, "--", str(folder), job], cwd=ROOT)


def peer(folder: Path, script: str, job: str | None) -> dict:
    arguments = [job, str(folder)] if job else []
    return last_value([sys.executable, str(HERE / script), *arguments])


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    os.environ["OMP_NUM_THREADS"] = "2"
    if not (folder / "model").exists():
        subprocess.run([sys.executable, str(HERE / "model.py"), str(folder)], check=True)
    print("| job | chorale | peer | ratio | versions |\n|---|---|---|---|---|")
    for name, (bench, ours), (script, theirs) in JOBS:
        mine, others = [], []
        for _ in range(rounds):
            mine.append(chorale(folder, bench, ours))
            others.append(peer(folder, script, theirs))
        left, right = (statistics.median(run["value"] for run in side) for side in (mine, others))
        unit = mine[0]["unit"]
        ratio = f"{left / right:.2f}x the time" if unit.startswith("s") else f"{left / right:.1f}x the rate"
        versions = ", ".join(f"{package} {version}" for package, version in others[0].get("versions", {}).items())
        print(f"| {name} | {left:.4g} {unit} | {right:.4g} {unit} | {ratio} | {versions} |", flush=True)


main()
