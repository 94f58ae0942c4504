"""Makes tests/fixtures/golden/adapters/*: adapters that PEFT made, with the logits that transformers and PEFT compute.

Run by hand from the repository's root, never by the tests:

    python tests/golden/adapters.py make      writes the goldens
    python tests/golden/adapters.py check F   loads what chorale wrote into the folder F (see below) and compares logits

Needs torch, transformers and peft; the versions used are written into `versions.json`. Everything runs on the CPU in
float32. The base model is `tests/fixtures/golden/training/untied`, made by `training.py`.

Each case is a PEFT folder `CASE/` and `CASE.json` with tokens, the logits after the last of them and the log-probability
of each after the first, of the base with the adapter:

    plain       one rank, q_proj and v_proj, as a list
    patterned   rank_pattern, alpha_pattern, rank-stabilised, target_modules as a regular expression, bf16 tensors

`check` is what proves that other tools open our files. The test `checkpoint::peft` writes, for each case, an adapter
folder `CASE/adapter` and a merged model `CASE/merged` (and `CASE/merged-bf16`) below the folder that the variable
CHORALE_WRITE_ADAPTERS names, and compares their digests with `written.json`; `check` loads them with PEFT and
transformers, compares logits, and only then writes these digests.
"""

import hashlib
import json
import sys
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

OUT = Path("tests/fixtures/golden/adapters")
BASE = Path("tests/fixtures/golden/training/untied")
TOKENS = [0, 17, 80, 5, 33, 33, 61, 9, 90, 44, 3, 12]
CASES = {
    "plain": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]},
    "patterned": {
        "r": 4,
        "lora_alpha": 6,
        "use_rslora": True,
        "target_modules": r".*\.(q_proj|o_proj|down_proj)",
        "rank_pattern": {r"layers\.1\.self_attn\.q_proj": 2, "down_proj": 3},
        "alpha_pattern": {"^model.layers.0.mlp.down_proj": 1},
    },
}


def base(dtype=torch.float32) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(BASE, attn_implementation="eager", dtype=dtype).eval()


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([TOKENS])).logits[0].float()


def make() -> None:
    for seed, (case, settings) in enumerate(CASES.items()):
        torch.manual_seed(seed)
        model = peft.get_peft_model(base(), peft.LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(0.0, 0.2)
        folder = OUT / case
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        if case == "patterned":
            path = folder / "adapter_model.safetensors"
            save_file({n: t.bfloat16() for n, t in load_file(path).items()}, path, metadata={"format": "pt"})
        loaded = logits(peft.PeftModel.from_pretrained(base(), folder).eval())
        change = (loaded - logits(base())).abs().max().item()
        assert change > 0.1, f"{case}: the adapter changes logits by {change} only"
        following = torch.tensor(TOKENS[1:])[:, None]
        scores = loaded[:-1].log_softmax(-1).gather(-1, following)[:, 0]
        facts = {"tokens": TOKENS, "last": loaded[-1].tolist(), "log_probabilities": scores.tolist(), "change": change}
        (OUT / f"{case}.json").write_text(json.dumps(facts, indent=1) + "\n")
    about = {
        "script": "tests/golden/adapters.py",
        "peers": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
        "dtype": "float32",
        "tolerance": "Close",
        "why": "adapters must move between chorale and PEFT, merged models between chorale and transformers",
    }
    (OUT / "versions.json").write_text(json.dumps(about, indent=1) + "\n")


def check(folder: Path) -> None:
    digests = {}
    for case in CASES:
        expected = torch.tensor(json.loads((OUT / f"{case}.json").read_text())["last"])
        ours = peft.PeftModel.from_pretrained(base(), folder / case / "adapter").eval()
        merged = LlamaForCausalLM.from_pretrained(folder / case / "merged", attn_implementation="eager")
        assert merged.dtype == torch.float32, merged.dtype
        narrow = LlamaForCausalLM.from_pretrained(folder / case / "merged-bf16", attn_implementation="eager")
        assert narrow.dtype == torch.bfloat16, narrow.dtype
        for what, model, most in [("adapter", ours, 1e-4), ("merged", merged, 1e-4), ("bf16", narrow.float(), 0.2)]:
            difference = (logits(model.eval())[-1] - expected).abs().max().item()
            assert difference < most, f"{case}: {what} differs by {difference}"
            print(f"{case}: {what} differs by {difference:.1e}")
        for path in sorted((folder / case).rglob("*")):
            if path.is_file():
                digests[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    (OUT / "written.json").write_text(json.dumps(digests, indent=1) + "\n")


if __name__ == "__main__":
    make() if sys.argv[1] == "make" else check(Path(sys.argv[2]))
