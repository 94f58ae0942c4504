"""Runs one peer on one job of the speed comparison and prints one JSON line with what it measured.

Usage: python peers.py JOB FOLDER        (FOLDER as made by model.py; 2 threads; medians over repeats)

JOBs: dpo-trl, generate-transformers, generate-genai, rank-lm-eval
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def tell(job: str, value: float, unit: str, **versions: str) -> None:
    print(json.dumps({"job": job, "value": round(value, 4), "unit": unit, "versions": versions}), flush=True)


def dpo_trl(folder: Path) -> None:
    """Seconds of one DPO step: TRL's DPOTrainer with a PEFT LoRA r=8 on q and v, 4 pairs a step."""
    import peft
    import torch
    import transformers
    import trl
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

    torch.set_num_threads(2)

    class Clock(TrainerCallback):
        seconds: list[float] = []

        def on_step_begin(self, *_, **__):
            self.start = time.perf_counter()

        def on_step_end(self, *_, **__):
            self.seconds.append(time.perf_counter() - self.start)

    steps = 8
    pairs = [{key: row[key] for key in ("prompt", "chosen", "rejected")} for row in rows(folder / "pairs.jsonl")]
    trainer = trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        train_dataset=Dataset.from_list(pairs),
        peft_config=peft.LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
        args=trl.DPOConfig(
            output_dir=str(folder / "trl"),
            per_device_train_batch_size=4,
            gradient_accumulation_steps=1,
            max_steps=steps,
            learning_rate=5e-6,
            beta=0.1,
            max_length=512,
            gradient_checkpointing=False,
            use_cpu=True,
            bf16=False,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        ),
        callbacks=[Clock()],
    )
    trainer.train()
    tell(
        "dpo-trl", statistics.median(Clock.seconds[2:]), "s/step",
        trl=trl.__version__, peft=peft.__version__, transformers=transformers.__version__, torch=torch.__version__,
    )


def generate_transformers(folder: Path) -> None:
    """New tokens per second of `generate`, 32 prompts of 64 tokens, 128 new tokens each, top-p 0.9."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32).eval()
    prompts = tokenizer([row["question"] for row in rows(folder / "prompts.jsonl")], return_tensors="pt")
    rates = []
    for repeat in range(4):
        torch.manual_seed(repeat)
        start = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                prompts["input_ids"], attention_mask=prompts["attention_mask"], do_sample=True, temperature=1.0,
                top_p=0.9, top_k=0, min_new_tokens=128, max_new_tokens=128, pad_token_id=2,
            )
        seconds = time.perf_counter() - start
        new = out.shape[0] * (out.shape[1] - prompts["input_ids"].shape[1])
        rates.append(new / seconds)
    tell("generate-transformers", statistics.median(rates[1:]), "tokens/s",
         transformers=transformers.__version__, torch=torch.__version__)


def generate_genai(folder: Path) -> None:
    """The same job in onnxruntime-genai; its own builder makes the model once."""
    import subprocess

    import numpy as np
    import onnxruntime_genai as genai
    from tokenizers import Tokenizer

    built = folder / "genai"
    if not (built / "genai_config.json").exists():
        builder = ["-m", "onnxruntime_genai.models.builder", "-m", str(folder / "model"), "-o", str(built), "-p", "fp32", "-e", "cpu"]
        subprocess.run([sys.executable, *builder], check=True, stdout=sys.stderr)
    config = json.loads((built / "genai_config.json").read_text())
    config["model"]["decoder"]["session_options"]["intra_op_num_threads"] = 2
    (built / "genai_config.json").write_text(json.dumps(config, indent=4))
    tokenizer = Tokenizer.from_file(str(folder / "model" / "tokenizer.json"))
    prompts = np.array([tokenizer.encode(row["question"]).ids for row in rows(folder / "prompts.jsonl")], dtype=np.int32)
    model = genai.Model(str(built))
    rates = []
    for repeat in range(4):
        settings = genai.GeneratorParams(model)
        settings.set_search_options(
            do_sample=True, temperature=1.0, top_p=0.9, top_k=0, min_length=192, max_length=192,
            batch_size=len(prompts), random_seed=repeat,
        )
        start = time.perf_counter()
        generator = genai.Generator(model, settings)
        generator.append_tokens(prompts)
        new = 0
        while not generator.is_done():
            generator.generate_next_token()
            new += len(prompts)
        rates.append(new / (time.perf_counter() - start))
    tell("generate-genai", statistics.median(rates[1:]), "tokens/s", onnxruntime_genai=genai.__version__)


def rank_lm_eval(folder: Path) -> None:
    """Questions per second: lm-evaluation-harness scores 10 candidates of about 3 tokens behind about 24 tokens."""
    import lm_eval
    import torch
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    harness = HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(folder / "model"), batch_size=32, device="cpu")
    questions = rows(folder / "questions.jsonl")[:64]
    requests = [
        Instance(request_type="loglikelihood", doc={}, arguments=(row["question"], choice), idx=i)
        for row in questions
        for i, choice in enumerate(row["choices"])
    ]
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        harness.loglikelihood(requests, disable_tqdm=True)
        rates.append(len(questions) / (time.perf_counter() - start))
    tell("rank-lm-eval", statistics.median(rates), "questions/s", lm_eval=lm_eval.__version__, torch=torch.__version__)


def main() -> None:
    job, folder = sys.argv[1], Path(sys.argv[2])
    jobs = {"dpo-trl": dpo_trl, "generate-transformers": generate_transformers, "generate-genai": generate_genai,
            "rank-lm-eval": rank_lm_eval}
    jobs[job](folder)


main()
