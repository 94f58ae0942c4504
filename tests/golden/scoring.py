"""Makes tests/fixtures/golden/scoring/*: candidate scores by lm-evaluation-harness of a tiny random model with its tokenizer.

Run by hand from the repository's root, never by the tests:

    python tests/golden/scoring.py

Needs torch, transformers, tokenizers, datasets and lm-eval; the versions are written into `golden.json`. The harness runs its
own multiple-choice task over the items: sums of log-probabilities, and its `acc` (largest sum), `acc_norm` (per character)
and `acc_bytes` (per byte). The whole-string mean of DCO's probing (methods 3.9) is computed here with transformers.
"""

import json
import tempfile
from pathlib import Path

import lm_eval
import tokenizers
import torch
import transformers
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

OUT = Path("tests/fixtures/golden/scoring")
ITEMS = [
    ("en", "The capital of Austria is", ["Vienna", "Graz", "Linz on the Danube"], 0),
    ("de", "Die Hauptstadt von Österreich heißt", ["Wien", "Graz", "Linz an der Donau", "Klosterneuburg"], 0),
    ("fr", "La monnaie de la Suède est la", ["couronne suédoise", "livre", "drachme"], 0),
    ("es", "La lengua oficial de Perú es el", ["inglés", "español", "quechua y aimara"], 1),
    ("zh", "法国的首都是：", ["里昂", "巴黎", "马赛港口城市"], 1),
    ("ja", "スイスの首都は：", ["ジュネーブ", "ベルン", "チューリッヒ"], 1),
    ("ar", "عاصمة مصر هي", ["الإسكندرية", "القاهرة", "أسوان"], 1),
    ("sw", "Mji mkuu wa Kenya ni", ["Mombasa", "Kisumu", "Nairobi"], 2),
    ("en", "Q: 2 + 2 =", ["3", "4", "5", "four hundred and twenty"], 1),
]
FIELDS = ("lang", "question", "choices", "answer")


def make_model() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    texts = [f"{question} {choice}" for _, question, choices, _ in ITEMS for choice in choices]
    plain.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=380,
            special_tokens=["<s>", "</s>", "<pad>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>").save_pretrained(OUT)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=plain.get_vocab_size(),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=2,
            initializer_range=0.2,
        )
    )
    model.to(torch.bfloat16).save_pretrained(OUT)
    (OUT / "generation_config.json").unlink(missing_ok=True)
    (OUT / "model.safetensors").chmod(0o644)


def by_harness(model, tokenizer) -> list[dict]:
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows.jsonl"
        rows.write_text("".join(json.dumps(dict(zip(FIELDS, item))) + "\n" for item in ITEMS))
        task = {
            "task": "choices",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(rows)}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{answer}}",
            "metric_list": [{"metric": name} for name in ("acc", "acc_norm", "acc_bytes")],
        }
        found = lm_eval.simple_evaluate(
            HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1, device="cpu"),
            tasks=[task],
            task_manager=TaskManager(include_defaults=False),
            log_samples=True,
            bootstrap_iters=0,
        )
    samples = sorted(found["samples"]["choices"], key=lambda sample: sample["doc_id"])
    return [
        {
            "sums": [response[0] for response in sample["filtered_resps"]],
            **{metric: sample[metric] for metric in ("acc", "acc_norm", "acc_bytes")},
        }
        for sample in samples
    ]


@torch.no_grad()
def whole_means(model, tokenizer, question: str, choices: list[str]) -> list[float]:
    """The mean log-probability of all tokens but the first."""
    means = []
    for choice in choices:
        tokens = torch.tensor(tokenizer(f"{question.strip()} {choice}", add_special_tokens=False)["input_ids"])
        logits = model(tokens[None]).logits[0, :-1]
        means.append(logits.log_softmax(-1).gather(-1, tokens[1:, None]).mean().item())
    return means


def main() -> None:
    make_model()
    tokenizer = transformers.AutoTokenizer.from_pretrained(OUT)
    model = AutoModelForCausalLM.from_pretrained(OUT, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    for item, scores in zip(ITEMS, by_harness(model, tokenizer)):
        _, question, choices, _ = item
        prompt = len(tokenizer(question)["input_ids"])
        tokens = [len(tokenizer(f"{question} {choice}")["input_ids"]) - prompt for choice in choices]
        means = whole_means(model, tokenizer, question, choices)
        rows.append({**dict(zip(FIELDS, item)), **scores, "tokens": tokens, "whole_means": means})
    peers = {module.__name__: module.__version__ for module in (torch, transformers, tokenizers, lm_eval)}
    golden = {"script": "tests/golden/scoring.py", "peers": peers, "items": rows}
    (OUT / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    for row in rows:
        print(row["lang"], row["tokens"], [round(value, 3) for value in row["sums"]], row["acc"], row["acc_norm"], row["acc_bytes"])


if __name__ == "__main__":
    main()
