"""Makes tests/fixtures/golden/decode/penalties.json: greedy text under repetition penalties, by transformers' own `generate`.

Run by hand from the repository's root after decode.py, never by the tests:

    python tests/golden/penalties.py
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import LlamaForCausalLM

MODEL = Path("tests/fixtures/golden/training/tied")
OUT = Path("tests/fixtures/golden/decode")
NEW_TOKENS = 24


@torch.no_grad()
def main() -> None:
    model = LlamaForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    prompts = json.loads((OUT / "tied.json").read_text())["prompts"]
    cases = []
    for penalty in [1.0, 1.05, 1.3, 3.0, 0.8]:
        for prompt in prompts:
            text = model.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                do_sample=False,
                max_new_tokens=NEW_TOKENS,
                min_new_tokens=NEW_TOKENS,
                repetition_penalty=penalty,
                eos_token_id=None,
                pad_token_id=0,
            )[0].tolist()
            cases.append({"penalty": penalty, "prompt": prompt, "text": text[len(prompt) :]})
    case = {
        "script": "tests/golden/penalties.py",
        "why": "repetition_penalty means what it means in transformers",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "cases": cases,
    }
    (OUT / "penalties.json").write_text(json.dumps(case) + "\n")


main()
