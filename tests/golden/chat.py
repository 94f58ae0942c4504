"""Makes tests/fixtures/golden/chat/*.json and tests/fixtures/golden/chat/tokenizer/: what transformers renders and tokenizes.

Run by hand from the repository's root, never by the tests:

    python tests/golden/chat.py

The templates `*.jinja` beside the results are written by hand in the style of a family each: the constructs are theirs, the words
are not. `<template>.json` holds, for every conversation of `conversations.json` and with and without the generation prompt, the
text that `apply_chat_template` gives, or null where the template refuses. `tokens.json` holds token ids of prompts and of whole
conversations for the tokenizer in `tokenizer/`, with the chat template `chatml`.
"""

import datetime
import json
from pathlib import Path

import jinja2
import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

OUT = Path("tests/fixtures/golden/chat")
DATE = datetime.datetime(2026, 11, 21)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

SYSTEM = {"role": "system", "content": "Answer in one word."}
ASK = {"role": "user", "content": "What is the capital of France?"}
CONVERSATIONS = [
    [ASK],
    [SYSTEM, ASK],
    [ASK, {"role": "assistant", "content": "Paris"}],
    [SYSTEM, ASK, {"role": "assistant", "content": " Paris.\n"}, {"role": "user", "content": "And of Kenya? "}],
    [
        {"role": "system", "content": "  Spaces \n"},
        {"role": "user", "content": "\n\u00a0日本の首都は？{{ x }} {% y %}\t"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\n東京 <b>&\"'\\"},
        {"role": "user", "content": "عاصمة مصر؟"},
        {"role": "assistant", "content": "القاهرة"},
    ],
    [{"role": "user", "content": ""}],
    [ASK, ASK],
    [SYSTEM, ASK, {"role": "assistant", "content": "a"}, SYSTEM, ASK],
]
# Further variables for some templates.
VARIABLES = {"qwen3": [{}, {"enable_thinking": False}, {"enable_thinking": True}], "llama3": [{}, {"date_string": "1 Jan 2020"}]}

VERSIONS = {
    "script": "tests/golden/chat.py",
    "transformers": transformers.__version__,
    "jinja2": jinja2.__version__,
    "tokenizers": tokenizers.__version__,
    "date": DATE.date().isoformat(),
}


class FixedDate(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return DATE


def render(tokenizer, conversation, generation, variables):
    try:
        return tokenizer.apply_chat_template(
            conversation, tokenize=False, add_generation_prompt=generation, **variables
        )
    except jinja2.exceptions.TemplateError:
        return None


def make_texts() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(BPE(unk_token="<unk>")), **SPECIAL)
    (OUT / "conversations.json").write_text(json.dumps({"special": SPECIAL, "conversations": CONVERSATIONS}, indent=1, ensure_ascii=False) + "\n")
    for path in sorted(OUT.glob("*.jinja")):
        tokenizer.chat_template = path.read_text()
        cases = [
            {
                "variables": variables,
                "conversation": index,
                "generation": generation,
                "text": render(tokenizer, conversation, generation, variables),
            }
            for variables in VARIABLES.get(path.stem, [{}])
            for index, conversation in enumerate(CONVERSATIONS)
            for generation in (False, True)
        ]
        rendered = sum(case["text"] is not None for case in cases)
        assert rendered >= 6, (path, rendered)
        result = {**VERSIONS, "why": "a model must be given the text it was trained on", "cases": cases}
        (OUT / f"{path.stem}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        print(path.stem, rendered, "of", len(cases))


CHATML = """{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
BRACKETS = """{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}[INST] {{ message.content }} [/INST]{% else %} {{ message.content }}{{ eos_token }}{% endif %}{% endfor %}"""

PROMPTS = ["What is the capital of France?", "日本の首都は？", "Mji mkuu wa Kenya ni", "<|im_end|> written out"]
ANSWERS = ["Paris", " Paris", "東京です。", "", "is"]


def train_tokenizer() -> Tokenizer:
    lines = ["The capital of France is Paris.", "日本の首都は東京です。", "Mji mkuu wa Kenya ni Nairobi.", "[INST] What [/INST] is"] * 8
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    begin = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", begin)])
    return tokenizer


def make_tokens() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(),
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
    tokenizer.chat_template = [{"name": "default", "template": CHATML}, {"name": "brackets", "template": BRACKETS}]
    tokenizer.chat_template = {"default": CHATML, "brackets": BRACKETS}
    tokenizer.save_pretrained(OUT / "tokenizer", save_jinja_files=False)
    (OUT / "tokenizer" / "generation_config.json").write_text(
        json.dumps({"eos_token_id": [tokenizer.convert_tokens_to_ids("</s>"), tokenizer.convert_tokens_to_ids("<|im_end|>")]}) + "\n"
    )
    cases = []
    for template in ["default", "brackets"]:
        for system in [None, "Be brief."]:
            for prompt in PROMPTS:
                messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": prompt}]
                ids = lambda messages, **more: tokenizer.apply_chat_template(messages, chat_template=template, tokenize=True, return_dict=False, **more)
                cases.append(
                    {
                        "template": template,
                        "system": system,
                        "prompt": prompt,
                        "prompt_ids": ids(messages, add_generation_prompt=True),
                        "answers": [
                            {"answer": answer, "ids": ids(messages + [{"role": "assistant", "content": answer}])}
                            for answer in ANSWERS
                        ],
                    }
                )
    plain = [{"text": prompt, "ids": tokenizer(prompt)["input_ids"]} for prompt in PROMPTS]
    result = {**VERSIONS, "why": "prompt and whole conversation as token ids", "cases": cases, "plain": plain}
    (OUT / "tokens.json").write_text(json.dumps(result, ensure_ascii=False) + "\n")


def main() -> None:
    chat_template_utils.datetime = FixedDate
    OUT.mkdir(parents=True, exist_ok=True)
    make_texts()
    make_tokens()


main()
