"""Makes tests/fixtures/golden/calm/excerpt.json: letters, votes, pairs and consistency of CALM's released samples.

Run by hand from the repository's root, never by the tests:

    python3 tests/golden/calm.py ../shared/data/calm-excerpt/raw

An independent reading of the rules in plain Python (published code and tables: methods 1.5 to 1.11): strings are indexed as
Python indexes them, votes are counted by `collections.Counter`, whose order of insertion breaks ties. Only derived letters and
counts are kept, no text.
"""

import itertools
import json
import sys
from collections import Counter
from pathlib import Path

RAW = Path(sys.argv[1])
OUT = Path("tests/fixtures/golden/calm/excerpt.json")
POOL = ["ja", "cn", "fr", "de", "it", "en"]
LABELS = {
    "en": ["Answer:"], "cn": ["答案:", "答案："], "fr": ["Réponse:", "Réponse :"],
    "de": ["Antwort:"], "it": ["Risposta:"], "ja": ["答え:", "答え："],
}
FILES = {"llama": "rollouts_llama/x_csqa_{}_train_sampled.json", "mistral": "rollouts_mistral/x_csqa_{}_train_mistral_sampled.json"}


def parse(text, lang):
    for label in LABELS[lang]:
        text = text.split(label)[-1].strip()
    if len(text) == 0:
        return None
    if len(text) == 1:
        return text
    if text[1] in "ABCDE":
        return text[1]
    return text[0] if text[0] in "ABCDE" else None


def read(model):
    samples = {lang: json.loads((RAW / FILES[model].format(lang)).read_text()) for lang in POOL}
    letters = {lang: [[parse(text, lang) for text in row["pred"] or []] for row in samples[lang]] for lang in POOL}
    return samples, letters


def vote(letters, index, languages):
    pool = [letter for lang in languages for letter in letters[lang][index] if letter]
    counts = Counter(pool).most_common()
    return (None, False) if not counts else (counts[0][0], sum(count == counts[0][1] for _, count in counts) > 1)


def losers(letters, lang, winners):
    return sum(1 for index, winner in enumerate(winners) if winner for letter in letters[lang][index] if letter and letter != winner)


def consistency(firsts, size):
    kept = [row for row in firsts if all(row)]
    groups = list(itertools.combinations(range(len(POOL)), size))
    return sum(sum(len({row[place] for place in group}) == 1 for row in kept) / len(kept) for group in groups) / len(groups)


def report(model):
    samples, letters = read(model)
    gold = [row["output"] for row in samples["en"]]
    questions = len(gold)
    votes = [vote(letters, index, POOL) for index in range(questions)]
    winners = [winner for winner, _ in votes]
    english = [vote(letters, index, ["en"])[0] for index in range(questions)]
    # The right answer, where an English sample gives it.
    truth = [right if right in letters["en"][index] else None for index, right in enumerate(gold)]
    firsts = [[next((letter for letter in letters[lang][index] if letter), None) for lang in POOL] for index in range(questions)]
    return {
        "letters": {lang: ["".join(letter or "-" for letter in row) for row in letters[lang]] for lang in POOL},
        "gold": "".join(gold),
        "winners": "".join(winner or "-" for winner in winners),
        "ties": [index for index, (_, tied) in enumerate(votes) if tied],
        "english_winners": "".join(winner or "-" for winner in english),
        "vote_accuracy": sum(winner == right for winner, right in zip(winners, gold)),
        "pairs": {lang: losers(letters, lang, winners) for lang in POOL},
        "english_pairs": losers(letters, "en", english),
        "gold_pairs": {lang: losers(letters, lang, truth) for lang in POOL},
        "readable_everywhere": sum(all(row) for row in firsts),
        "first_accuracy": {lang: sum(row[place] == right for row, right in zip(firsts, gold)) for place, lang in enumerate(POOL)},
        "consistency": [consistency(firsts, size) for size in range(2, 7)],
    }


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    about = {"script": "tests/golden/calm.py", "python": sys.version.split()[0], "pool": POOL}
    OUT.write_text(json.dumps({**about, "models": {model: report(model) for model in FILES}}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
