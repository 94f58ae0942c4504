"""Checks the goldens of `architectures.py` against TRL itself: its DPOTrainer computes loss, metrics and gradients of the same
rows, for all weights and for adapters, and every number must agree with the recorded one, which chorale's tests use.

Run by hand from the repository's root, never by the tests:

    python tests/golden/trl.py [case ...]

Needs torch, transformers, peft, trl, datasets and safetensors. Seen with torch 2.11.0, transformers 5.23.0, peft 0.21.2,
trl 1.16.0.
"""

import importlib
import json
import re
import sys
import tempfile
from pathlib import Path

# This file's name must not hide the library's.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

import peft
import torch
from datasets import Dataset
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

trl = importlib.import_module("trl")
GOLDEN = Path("tests/fixtures/golden/architectures")
TOLERANCE = 1e-4


def words(tokens: list[int]) -> str:
    return " ".join(f"t{token}" for token in tokens)


def tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """Token i is the word ti."""
    plain = Tokenizer(models.WordLevel({f"t{token}": token for token in range(vocabulary)}, unk_token="t0"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="t2", eos_token="t1", bos_token="t0")


def trainer(model, golden: dict, vocabulary: int, folder: str):
    """A DPOTrainer for the model; its data set is only there because it wants one."""
    rows = [{name: words(row[name]) for name in ("prompt", "chosen", "rejected")} for row in golden["rows"]]
    settings = trl.DPOConfig(
        output_dir=folder, beta=golden["beta"], use_cpu=True, bf16=False, report_to=[], gradient_checkpointing=False,
        max_length=None, disable_tqdm=True,
    )
    made = trl.DPOTrainer(
        model=model, processing_class=tokenizer(vocabulary), train_dataset=Dataset.from_list(rows), args=settings
    )
    made.precompute_ref_logps = True
    return made


def batch(golden: dict) -> dict:
    collate = importlib.import_module("trl.trainer.dpo_trainer").DataCollatorForPreference(pad_token_id=2)
    return collate([
        {
            "prompt_ids": row["prompt"], "chosen_ids": row["chosen"], "rejected_ids": row["rejected"],
            "ref_chosen_logps": row["reference_chosen"], "ref_rejected_logps": row["reference_rejected"],
        }
        for row in golden["rows"]
    ])


class Differences:
    """The largest relative difference, and what it is of."""

    def __init__(self):
        self.largest, self.of, self.count = 0.0, "", 0

    def add(self, name: str, ours, theirs) -> None:
        ours, theirs = torch.as_tensor(ours, dtype=torch.float64), torch.as_tensor(theirs, dtype=torch.float64)
        scale = max(theirs.abs().max().item(), 1e-3)
        difference = (ours - theirs).abs().max().item() / scale
        self.count += 1
        if difference >= self.largest:
            self.largest, self.of = difference, name


def compare(case: str, kind: str) -> Differences:
    folder = GOLDEN / case
    golden = json.loads((folder / "golden.json").read_text())[kind]
    tensors = load_file(folder / "golden.safetensors")
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    if kind == "dpo_lora":
        config = peft.LoraConfig(
            r=golden["lora"]["rank"], lora_alpha=golden["lora"]["alpha"], target_modules="all-linear", lora_dropout=0.0,
            task_type="CAUSAL_LM",
        )
        model = peft.get_peft_model(model, config)
    with tempfile.TemporaryDirectory() as scratch:
        made = trainer(model, golden, model.config.vocab_size, scratch)
    named = {
        re.sub(r"\.default\.", ".", name): parameter for name, parameter in made.model.named_parameters() if parameter.requires_grad
    }
    if kind == "dpo_lora":
        with torch.no_grad():
            for name, parameter in named.items():
                parameter.copy_(tensors[f"initial.{name}"])
    made.model.train()
    loss = made._compute_loss(made.model, batch(golden), False)
    loss.backward()
    found = Differences()
    found.add("loss", golden["loss"], loss.item())
    logged = {name: values[-1] for name, values in made._metrics["train"].items()}
    for name, value in golden["metrics"].items():
        found.add(name, value, logged[name])
    for name, parameter in named.items():
        if kind == "dpo_lora":
            found.add(name, tensors[f"gradient.{name}"], parameter.grad)
        else:
            found.add(name, golden["norms"][name], parameter.grad.norm().item())
    return found


def main() -> None:
    cases = sys.argv[1:] or sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
    for case in cases:
        for kind in ("dpo", "dpo_lora"):
            found = compare(case, kind)
            print(f"{case} {kind}: {found.count} numbers and tensors, largest relative difference {found.largest:.1e} ({found.of})")
            assert found.largest <= TOLERANCE, (case, kind)
    print(f"all agree with trl {trl.__version__}")


if __name__ == "__main__":
    main()
