"""Times "nothing to be done" on one DAG of 1,000 stages: chorale, Snakemake and DVC, in one go.

The DAG is 250 times: two source files -> a vote over them -> pairs from the vote, so 250 x 4 stages in chorale
(two imports, `vote`, `pairs`). For Snakemake and DVC every stage is the copy of a small file, wired alike; they compute
less per stage, and what is timed is only the second run, which computes nothing anywhere.

Usage: python noop.py FOLDER CHORALE [SNAKEMAKE [DVC]]   (paths of the programs; medians of 5 runs)
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

GROUPS = 250


def write_sources(folder: Path) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for group in range(GROUPS):
        question = {"id": f"q{group}", "lang": "en", "question": f"Is {group} even?", "choices": ["yes", "no"], "answer": group % 2}
        completion = {"id": f"q{group}", "lang": "en", "sample": 0, "prompt": question["question"], "completion": "yes"}
        other = completion | {"sample": 1, "completion": "no"}
        (folder / f"data/questions-{group}.jsonl").write_text(json.dumps(question) + "\n")
        (folder / f"data/completions-{group}.jsonl").write_text(json.dumps(completion) + "\n" + json.dumps(other) + "\n")


def write_recipe(folder: Path) -> None:
    lines = ['[recipe]', 'name = "noop"']
    for group in range(GROUPS):
        lines += [
            f"[data.questions-{group}]", 'rows = "questions"', f'file = "data/questions-{group}.jsonl"',
            f"[data.completions-{group}]", 'rows = "completions"', f'file = "data/completions-{group}.jsonl"',
            f"[stage.vote-{group}]", 'kind = "vote"', f'questions = "questions-{group}"',
            f'completions = "completions-{group}"', 'languages = ["en"]', 'parse = "choice"',
            f"[stage.pairs-{group}]", 'kind = "pairs"', f'questions = "questions-{group}"', f'votes = "vote-{group}"',
        ]
    (folder / "noop.toml").write_text("\n".join(lines) + "\n")


def stages(group: int) -> list[tuple[str, list[str], str]]:
    """(name, inputs, output) of the four copies of a group."""
    questions, completions = f"out/questions-{group}", f"out/completions-{group}"
    return [
        (f"questions-{group}", [f"data/questions-{group}.jsonl"], questions),
        (f"completions-{group}", [f"data/completions-{group}.jsonl"], completions),
        (f"vote-{group}", [questions, completions], f"out/vote-{group}"),
        (f"pairs-{group}", [questions, f"out/vote-{group}"], f"out/pairs-{group}"),
    ]


def write_snakefile(folder: Path) -> None:
    rules = [f"rule all:\n    input: {[f'out/pairs-{group}' for group in range(GROUPS)]}"]
    for group in range(GROUPS):
        for name, inputs, output in stages(group):
            rules.append(
                f"rule {name.replace('-', '_')}:\n    input: {inputs}\n    output: '{output}'\n    shell: 'cp {{input[0]}} {{output}}'"
            )
    (folder / "Snakefile").write_text("\n".join(rules) + "\n")


def write_dvc(folder: Path) -> None:
    lines = ["stages:"]
    for group in range(GROUPS):
        for name, inputs, output in stages(group):
            lines += [f"  {name}:", f"    cmd: mkdir -p out && cp {inputs[0]} {output}", "    deps:"]
            lines += [f"    - {path}" for path in inputs] + ["    outs:", f"    - {output}"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")


def version(program: str) -> str:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return shown.stdout.strip()


def time_second_run(tool: str, program: str, arguments: list[str], folder: Path) -> None:
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"job": f"noop-{tool}", "value": round(statistics.median(seconds), 4), "unit": "s",
                      "versions": {tool: version(program)}}), flush=True)


def main() -> None:
    folder = Path(sys.argv[1])
    write_sources(folder)
    write_recipe(folder)
    time_second_run("chorale", str(Path(sys.argv[2]).resolve()), ["run", "noop.toml"], folder)
    if len(sys.argv) > 3:
        write_snakefile(folder)
        time_second_run("snakemake", sys.argv[3], ["--cores", "2", "--quiet"], folder)
    if len(sys.argv) > 4:
        write_dvc(folder)
        subprocess.run([sys.argv[4], "init", "--no-scm", "--force", "--quiet"], cwd=folder, check=True)
        time_second_run("dvc", sys.argv[4], ["repro", "--quiet"], folder)


main()
