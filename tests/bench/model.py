"""Makes the model and the inputs of the speed comparison, for chorale and for its peers alike.

Llama shape: 6 layers, hidden 512, 8 query and 4 key-value heads, feed-forward 1408, vocabulary 8,000, untied head,
f32, seeded random weights (about 26 M parameters). The tokenizer maps the words `w3` ... `w7999` to themselves, so that
every text has an exact number of tokens.

Usage: python model.py FOLDER
Writes FOLDER/model (a Hugging Face folder), FOLDER/pairs.jsonl, FOLDER/prompts.jsonl, FOLDER/questions.jsonl.
"""

import json
import random
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

VOCABULARY = 8000


def save_model(folder: Path) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words = {"<s>": 0, "</s>": 1, "<pad>": 2} | {f"w{i}": i for i in range(3, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)


def text(draw: random.Random, tokens: int) -> str:
    return " ".join(f"w{draw.randrange(3, VOCABULARY)}" for _ in range(tokens))


def save_rows(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder / "model")
    draw = random.Random(0)
    save_rows(
        folder / "pairs.jsonl",
        [
            {
                "id": f"pair-{i}",
                "lang": "en",
                "prompt": text(draw, draw.randint(118, 138)),
                "chosen": " " + text(draw, draw.randint(92, 108)),
                "rejected": " " + text(draw, draw.randint(92, 108)),
            }
            for i in range(64)
        ],
    )
    save_rows(folder / "prompts.jsonl", [{"id": f"prompt-{i}", "lang": "en", "question": text(draw, 64)} for i in range(32)])
    save_rows(
        folder / "questions.jsonl",
        [
            {
                "id": f"question-{i}",
                "lang": "en",
                "question": text(draw, draw.randint(20, 28)),
                "choices": [" " + text(draw, draw.randint(2, 4)) for _ in range(10)],
                "answer": draw.randrange(10),
            }
            for i in range(256)
        ],
    )


main()
