"""Makes tests/fixtures/golden/training/*: what PyTorch, transformers and PEFT compute on two tiny Llama checkpoints.

Run by hand from the repository's root, never by the tests:

    python tests/golden/training.py

Needs torch, transformers, peft and safetensors; the versions used are written into `versions.json`. Everything runs on
the CPU in float32. Each case is `<case>.safetensors` (tensors) with `<case>.json` (inputs and numbers).
"""

import json
import math
from pathlib import Path

import peft
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.optimization import get_cosine_schedule_with_warmup
from transformers.trainer_pt_utils import get_parameter_names

OUT = Path("tests/fixtures/golden/training")
VOCABULARY = 96
STEPS = 10


def make_model(name: str, seed: int, tied: bool) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        initializer_range=0.2,
        rms_norm_eps=1e-5,
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).eval()
    for parameter_name, parameter in model.named_parameters():
        if "norm" in parameter_name:
            with torch.no_grad():
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(OUT / name)
    (OUT / name / "generation_config.json").unlink(missing_ok=True)
    return model


def numbers(seed: int, count: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCABULARY, (count,), generator=generator).tolist()


def next_token_logits(model, tokens: list[int]) -> torch.Tensor:
    """One sequence at a time, so no padding is involved."""
    return model(torch.tensor([tokens])).logits[0, :-1]


def token_log_probabilities(model, tokens: list[int]) -> torch.Tensor:
    """log p(token t | tokens before t) for t = 1.."""
    logits = next_token_logits(model, tokens)
    return logits.log_softmax(-1).gather(-1, torch.tensor(tokens[1:])[:, None])[:, 0]


def token_metrics(model, rows, role: str) -> dict[str, torch.Tensor]:
    """Per scored token of `role`, what TRL calls entropy, is_top1 and mean_logits (its dpo_trainer.py and sft_trainer.py)."""
    parts = {"entropy": [], "is_top1": [], "mean_logits": []}
    for row in rows:
        tokens = row["prompt"] + row[role]
        first = max(len(row["prompt"]) - 1, 0)
        logits = next_token_logits(model, tokens)[first:]
        log_p = logits.log_softmax(-1)
        parts["entropy"].append(-(log_p.exp() * log_p).sum(-1))
        parts["is_top1"].append((logits.argmax(-1) == torch.tensor(tokens[1 + first :])).float())
        parts["mean_logits"].append(logits.mean(-1))
    return {name: torch.cat(values) for name, values in parts.items()}


def completion_metrics(model, rows) -> dict[str, float]:
    """The means that TRL's SFTTrainer logs."""
    with torch.no_grad():
        tokens = token_metrics(model, rows, "completion")
    return {"entropy": tokens["entropy"].mean().item(), "mean_token_accuracy": tokens["is_top1"].mean().item()}


def completion_log_probability(model, prompt: list[int], completion: list[int]) -> torch.Tensor:
    return token_log_probabilities(model, prompt + completion)[len(prompt) - 1 :].sum()


def lm_loss(model, rows) -> torch.Tensor:
    """Token mean over every token but the first of each row."""
    return -torch.cat([token_log_probabilities(model, row["completion"]) for row in rows]).mean()


def sft_loss(model, rows) -> torch.Tensor:
    """Token mean over the completion tokens of all rows."""
    parts = [token_log_probabilities(model, r["prompt"] + r["completion"])[len(r["prompt"]) - 1 :] for r in rows]
    return -torch.cat(parts).mean()


def dpo_loss(model, rows, beta: float):
    """Sigmoid DPO with summed log-probabilities (methods P1, P2) and the metrics that TRL logs."""
    chosen = torch.stack([completion_log_probability(model, r["prompt"], r["chosen"]) for r in rows])
    rejected = torch.stack([completion_log_probability(model, r["prompt"], r["rejected"]) for r in rows])
    reference_chosen = torch.tensor([r["reference_chosen"] for r in rows])
    reference_rejected = torch.tensor([r["reference_rejected"] for r in rows])
    reward_chosen, reward_rejected = beta * (chosen - reference_chosen), beta * (rejected - reference_rejected)
    margins = reward_chosen - reward_rejected
    metrics = {
        "rewards/chosen": reward_chosen.mean(),
        "rewards/rejected": reward_rejected.mean(),
        "rewards/margins": margins.mean(),
        "rewards/accuracies": (reward_chosen > reward_rejected).float().mean(),
        "logps/chosen": chosen.mean(),
        "logps/rejected": rejected.mean(),
    }
    with torch.no_grad():
        by_role = {role: token_metrics(model, rows, role) for role in ("chosen", "rejected")}
    metrics |= {f"logits/{role}": tokens["mean_logits"].mean() for role, tokens in by_role.items()}
    metrics["entropy"] = torch.cat([tokens["entropy"] for tokens in by_role.values()]).mean()
    metrics["mean_token_accuracy"] = by_role["chosen"]["is_top1"].mean()
    return -F.logsigmoid(margins).mean(), {name: value.item() for name, value in metrics.items()}


def trainable(model) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def gradients(model, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in trainable(model).items()}


def decay_names(model) -> set[str]:
    """Which parameters weight decay applies to, as Hugging Face's Trainer decides it."""
    forbidden = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    return set(get_parameter_names(model, [torch.nn.LayerNorm], forbidden))


def ten_steps(model, batches, loss_of, settings):
    decay = decay_names(model)
    named = trainable(model)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in named.items() if n in decay], "weight_decay": settings["weight_decay"]},
            {"params": [p for n, p in named.items() if n not in decay], "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"],
        betas=settings["betas"],
        eps=settings["eps"],
    )
    warmup = math.ceil(STEPS * settings["warmup_ratio"])
    schedule = get_cosine_schedule_with_warmup(optimizer, warmup, STEPS)
    log = {"loss": [], "grad_norm": [], "learning_rate": []}
    for rows in batches:
        loss = loss_of(model, rows)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(named.values(), settings["max_grad_norm"])
        log["learning_rate"].append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        log["loss"].append(loss.item())
        log["grad_norm"].append(norm.item())
    final = {name: parameter.detach().clone() for name, parameter in named.items()}
    return log, final, sorted(name for name in named if name in decay)


def save(case: str, tensors: dict[str, torch.Tensor], facts: dict) -> None:
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, OUT / f"{case}.safetensors")
    (OUT / f"{case}.json").write_text(json.dumps({"case": case, **facts}, indent=1) + "\n")
    for path in OUT.glob(f"{case}.*"):
        assert path.stat().st_size <= 200_000, path


def reload(name: str) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(OUT / name, attn_implementation="eager", dtype=torch.float32).eval()


def with_adapter(name: str, seed: int, lora: dict):
    model = reload(name)
    config = peft.LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        use_rslora=lora.get("rank_stabilised", False),
        target_modules=lora["targets"],
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    model = peft.get_peft_model(model, config).eval()
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "lora_B" in parameter_name:
                parameter.normal_(0.0, 0.1)
    return model


class AddressedDropout(torch.nn.Module):
    """nn.Dropout of which the mask follows from keys of tokens, as src/model/layer/dropout.rs says."""

    keys: list[int] = []

    def __init__(self, rate: float, layer: int):
        super().__init__()
        self.rate, self.layer = rate, layer

    def forward(self, x):
        prime = 2**31 - 1
        tokens = [key * pow(48271, self.layer + 1, prime) % (2**30 - 35) for key in self.keys]
        columns = [pow(16807, column + 1, prime) // 2 for column in range(x.shape[-1])]
        kept = [[pow(t + b, 3, prime) >= round(self.rate * prime) for b in columns] for t in tokens]
        return x * torch.tensor(kept) / (1 - self.rate)


def with_dropout(model, rate: float):
    """Every adapted layer with a dropout of its own, numbered by name."""
    layers = {name: module for name, module in model.named_modules() if hasattr(module, "lora_dropout")}
    for number, name in enumerate(sorted(layers)):
        layers[name].lora_dropout["default"] = AddressedDropout(rate, number)
    return model


def dropout_dpo_loss(model, rows, beta: float):
    """`dpo_loss` with the keys of each sequence in place; the prompt has the same in both."""

    def log_probability(row, role):
        prompt = len(row["prompt"])
        chosen = prompt + len(row["chosen"])
        own = row["keys"][prompt:chosen] if role == "chosen" else row["keys"][chosen:]
        AddressedDropout.keys = row["keys"][:prompt] + own
        return completion_log_probability(model, row["prompt"], row[role])

    margins = [
        (log_probability(row, "chosen") - row["reference_chosen"])
        - (log_probability(row, "rejected") - row["reference_rejected"])
        for row in rows
    ]
    return -F.logsigmoid(beta * torch.stack(margins)).mean()


def plain(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """PEFT's names as adapter files spell them: without the name of the adapter."""
    return {name.replace(".default.", "."): tensor for name, tensor in tensors.items()}


def text_rows(seed: int, lengths: list[int]) -> list[dict]:
    return [{"prompt": [], "completion": [0, *numbers(seed + i, n), 1]} for i, n in enumerate(lengths)]


def completion_rows(seed: int, lengths: list[tuple[int, int]]) -> list[dict]:
    return [
        {"prompt": [0, *numbers(seed + i, p)], "completion": [*numbers(seed + 100 + i, c), 1]}
        for i, (p, c) in enumerate(lengths)
    ]


def pair_rows(reference, seed: int, lengths: list[tuple[int, int, int]]) -> list[dict]:
    rows = []
    for i, (p, c, r) in enumerate(lengths):
        prompt, chosen = [0, *numbers(seed + i, p)], [*numbers(seed + 100 + i, c), 1]
        rejected = [*numbers(seed + 200 + i, r), 1]
        with torch.no_grad():
            reference_chosen = completion_log_probability(reference, prompt, chosen).item()
            reference_rejected = completion_log_probability(reference, prompt, rejected).item()
        rows.append(
            {
                "prompt": prompt,
                "chosen": chosen,
                "rejected": rejected,
                "reference_chosen": reference_chosen,
                "reference_rejected": reference_rejected,
            }
        )
    return rows


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    make_model("tied", 1, tied=True)
    make_model("untied", 2, tied=False)

    for name in ("tied", "untied"):
        model = reload(name)
        rows = text_rows(10, [9, 4, 13])
        loss = lm_loss(model, rows)
        logits = {"logits": model(torch.tensor([rows[0]["completion"]])).logits[0]}
        facts = {"rows": rows, "loss": loss.item(), "metrics": completion_metrics(model, rows)}
        save(f"{name}-lm", logits | prefixed("gradient", gradients(model, loss)), facts)

    model = reload("untied")
    rows = completion_rows(20, [(5, 3), (8, 6), (3, 1)])
    loss = sft_loss(model, rows)
    facts = {"rows": rows, "loss": loss.item(), "metrics": completion_metrics(model, rows)}
    save("untied-sft", prefixed("gradient", gradients(model, loss)), facts)

    model, reference, beta = reload("untied"), reload("untied"), 0.1
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    rows = pair_rows(reference, 30, [(6, 4, 7), (9, 5, 2), (4, 8, 8)])
    loss, metrics = dpo_loss(model, rows, beta)
    facts = {"rows": rows, "beta": beta, "loss": loss.item(), "metrics": metrics}
    save("untied-dpo", prefixed("gradient", gradients(model, loss)), facts)

    lora = {"rank": 4, "alpha": 8, "targets": ["q_proj", "v_proj"]}
    model = with_adapter("tied", 4, lora)
    rows = pair_rows(reload("tied"), 40, [(6, 4, 7), (9, 5, 2), (4, 8, 8)])
    loss, metrics = dpo_loss(model, rows, beta)
    tensors = prefixed("initial", plain({n: p.detach().clone() for n, p in trainable(model).items()}))
    tensors |= prefixed("gradient", plain(gradients(model, loss)))
    save("tied-dpo-lora", tensors, {"rows": rows, "beta": beta, "lora": lora, "loss": loss.item(), "metrics": metrics})

    lora = {"rank": 4, "alpha": 8, "rank_stabilised": True, "dropout": 0.25, "targets": "all-linear"}
    model = with_dropout(with_adapter("tied", 6, lora), lora["dropout"])
    rows = pair_rows(reload("tied"), 50, [(6, 4, 7), (9, 5, 2)])
    keys = torch.Generator().manual_seed(7)
    for row in rows:
        count = sum(len(row[part]) for part in ("prompt", "chosen", "rejected"))
        row["keys"] = torch.randint(0, 2**30, (count,), generator=keys).tolist()
    loss = dropout_dpo_loss(model, rows, beta)
    tensors = prefixed("initial", plain({n: p.detach().clone() for n, p in trainable(model).items()}))
    tensors |= prefixed("gradient", plain(gradients(model, loss)))
    facts = {"rows": rows, "beta": beta, "lora": lora | {"targets": ["all-linear"]}, "loss": loss.item()}
    save("tied-dpo-lora-dropout", tensors, facts)

    settings = {
        "learning_rate": 1e-3,
        "betas": [0.9, 0.999],
        "eps": 1e-8,
        "weight_decay": 0.1,
        "max_grad_norm": 1.0,
        "warmup_ratio": 0.2,
        "schedule": "cosine",
    }
    batches = [text_rows(1000 + 10 * step, [6, 11, 8]) for step in range(STEPS)]
    log, final, decayed = ten_steps(reload("tied"), batches, lm_loss, settings)
    facts = {"settings": settings, "batches": batches, "decayed": decayed, **log}
    save("tied-lm-steps", prefixed("final", final), facts)

    model = with_adapter("untied", 5, {"rank": 4, "alpha": 16, "targets": "all-linear"})
    start = prefixed("initial", plain({n: p.detach().clone() for n, p in trainable(model).items()}))
    batches = [pair_rows(reload("untied"), 2000 + 10 * step, [(6, 4, 7), (9, 5, 2)]) for step in range(STEPS)]
    log, final, decayed = ten_steps(model, batches, lambda m, rows: dpo_loss(m, rows, beta)[0], settings)
    facts = {
        "settings": settings,
        "beta": beta,
        "lora": {"rank": 4, "alpha": 16, "targets": ["all-linear"]},
        "batches": batches,
        "decayed": plain(dict.fromkeys(decayed)).keys(),
        **log,
    }
    facts["decayed"] = list(facts["decayed"])
    save("untied-dpo-lora-steps", start | prefixed("final", plain(final)), facts)

    peers = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
    about = {
        "script": "tests/golden/training.py",
        "peers": peers,
        "dtype": "float32",
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "tolerance": "Training (1e-4 of the largest expected magnitude)",
        "why": "losses, gradients and optimizer steps must agree with the tools people use",
    }
    (OUT / "versions.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
