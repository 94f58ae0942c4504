"""Makes tests/fixtures/golden/training/objectives.*: loss, metrics and gradients of every objective over pairs on one tiny
checkpoint with adapters, written down in PyTorch as the papers have them, and checked against TRL where TRL has them.

Run by hand from the repository's root, after training.py, never by the tests:

    python tests/golden/objectives.py

Needs what training.py needs, and trl with datasets. The versions are written into `objectives.json`.
"""

import importlib
import importlib.util
import json
import sys
import tempfile
import types
from pathlib import Path

HERE = str(Path(__file__).resolve().parent)
sys.path = [entry for entry in sys.path if str(Path(entry or ".").resolve()) != HERE]

import peft
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

trl = importlib.import_module("trl")
CPOTrainer = importlib.import_module("trl.experimental.cpo").CPOTrainer
ORPOTrainer = importlib.import_module("trl.experimental.orpo").ORPOTrainer

sys.path.insert(0, HERE)
from training import (
    OUT, completion_log_probability, gradients, pair_rows, plain, prefixed, reload, token_metrics, trainable, with_adapter,
)

LORA = {"rank": 4, "alpha": 8, "targets": ["q_proj", "v_proj"]}
ROLES = ("chosen", "rejected")

# Objective, settings, and how TRL calls its loss if it has it.
CASES = {
    "dpo": {"objective": "dpo", "beta": 0.1},
    "dpo-smoothed": {"objective": "dpo", "beta": 0.3, "label_smoothing": 0.2},
    "dpo_nll": {"objective": "dpo_nll", "beta": 0.1, "nll_weight": {"gif": 0.0, "math": 1.0, "code": 0.5}},
    "hinge": {"objective": "hinge", "beta": 0.2},
    "ipo": {"objective": "ipo", "beta": 0.1},
    "simpo": {"objective": "simpo", "beta": 2.0, "simpo_gamma": 0.5},
    "simpo-smoothed": {"objective": "simpo", "beta": 0.1, "simpo_gamma": 1.0, "label_smoothing": 0.1},
    "orpo": {"objective": "orpo", "beta": 0.1},
    "dco": {"objective": "dco", "beta": 1.0, "norm": "l1", "target_weight": {}},
    "dco-l2": {"objective": "dco", "beta": 1.0, "norm": "l2", "target_weight": {"en": 0.1, "sw": 10.0, "de": 1.0}},
    "dco-huber": {"objective": "dco", "beta": 0.5, "norm": "huber", "huber_delta": 0.7, "target_weight": {}},
}


class Pairs:
    """Log-probabilities of all rows, policy and reference."""

    def __init__(self, model, rows):
        self.rows = rows
        self.sums = [torch.stack([completion_log_probability(model, r["prompt"], r[role]) for r in rows]) for role in ROLES]
        self.lengths = [torch.tensor([float(len(r[role])) for r in rows]) for role in ROLES]
        self.means = [s / n for s, n in zip(self.sums, self.lengths)]
        self.reference = [torch.tensor([r[f"reference_{role}"] for r in rows]) for role in ROLES]
        self.gains = [s - r for s, r in zip(self.sums, self.reference)]


def smoothed(x, share):
    return -(1 - share) * F.logsigmoid(x) - share * F.logsigmoid(-x)


def logged(rewards, logps, weight=None):
    chosen, rejected = rewards
    mean = (lambda x: x.float().mean()) if weight is None else (lambda x: (x.float() * weight).sum() / weight.sum())
    return {
        "rewards/chosen": mean(chosen),
        "rewards/rejected": mean(rejected),
        "rewards/margins": mean(chosen - rejected),
        "rewards/accuracies": mean(chosen > rejected),
        "logps/chosen": mean(logps[0]),
        "logps/rejected": mean(logps[1]),
    }


def of_gains(settings, pairs):
    return [settings["beta"] * gain for gain in pairs.gains]


def dpo(settings, pairs):
    chosen, rejected = of_gains(settings, pairs)
    losses = smoothed(chosen - rejected, settings.get("label_smoothing", 0.0))
    return losses.mean(), logged((chosen, rejected), pairs.sums)


def dpo_nll(settings, pairs):
    loss, metrics = dpo(settings, pairs)
    weights = torch.tensor([settings["nll_weight"][row["task"]] for row in pairs.rows])
    nll = -pairs.means[0]
    return loss + (weights * nll).mean(), metrics | {"nll_loss": nll.mean()}


def hinge(settings, pairs):
    chosen, rejected = of_gains(settings, pairs)
    return torch.relu(1 - (chosen - rejected)).mean(), logged((chosen, rejected), pairs.sums)


def ipo(settings, pairs):
    chosen, rejected = [gain / length for gain, length in zip(pairs.gains, pairs.lengths)]
    losses = (chosen - rejected - 1 / (2 * settings["beta"])) ** 2
    return losses.mean(), logged(of_gains(settings, pairs), pairs.sums)


def simpo(settings, pairs):
    chosen, rejected = [settings["beta"] * mean for mean in pairs.means]
    losses = smoothed(chosen - rejected - settings["simpo_gamma"], settings.get("label_smoothing", 0.0))
    return losses.mean(), logged((chosen, rejected), pairs.means)


def orpo(settings, pairs):
    chosen, rejected = pairs.means
    odds = (chosen - rejected) - (torch.log1p(-torch.exp(chosen)) - torch.log1p(-torch.exp(rejected)))
    ratio = F.logsigmoid(odds)
    metrics = logged([settings["beta"] * mean for mean in pairs.means], pairs.means)
    metrics |= {"nll_loss": (-chosen).mean(), "log_odds_ratio": ratio.mean(), "log_odds_chosen": odds.mean()}
    return (-chosen - settings["beta"] * ratio).mean(), metrics


def dco(settings, pairs):
    """By groups, as methods 3.7 writes it."""
    rows, beta = pairs.rows, settings["beta"]
    groups = {}
    for index, row in enumerate(rows):
        groups.setdefault(row["group"], []).append(index)
    offsets = (pairs.reference[0] - pairs.reference[1]).tolist()
    loss, consistencies = 0.0, []
    for members in groups.values():
        for i in members:
            weight = settings["target_weight"].get(rows[i]["lang"], beta)
            target = torch.tensor(sum(weight * offsets[j] for j in members if j != i))
            margin = beta * (pairs.gains[0][i] - pairs.gains[1][i])
            if settings["norm"] == "l1":
                loss = loss + (margin - target).abs()
            elif settings["norm"] == "l2":
                loss = loss + (margin - target) ** 2
            else:
                loss = loss + F.huber_loss(margin, target, reduction="sum", delta=settings["huber_delta"])
        first = [bool(pairs.sums[0][i] > pairs.sums[1][i]) for i in members]
        alike = [first[a] == first[b] for a in range(len(first)) for b in range(a)]
        consistencies.append(sum(alike) / len(alike))
    weight = torch.tensor([1.0 / len(groups[row["group"]]) for row in rows])
    metrics = logged(of_gains(settings, pairs), pairs.sums, weight)
    metrics["rewards/consistencies"] = torch.tensor(sum(consistencies) / len(consistencies))
    return loss / len(groups), metrics


LOSSES = {
    "dpo": dpo, "dpo_nll": dpo_nll, "hinge": hinge, "ipo": ipo, "simpo": simpo, "orpo": orpo, "dco": dco,
}


def of_trl(settings, pairs):
    """The same loss by TRL's own code, on the same log-probabilities; None where it has none."""
    fake = types.SimpleNamespace(accelerator=types.SimpleNamespace(device="cpu"), beta=settings["beta"], alpha=0.0)
    if settings["objective"] == "simpo":
        fake.loss_type, fake.simpo_gamma = "simpo", settings["simpo_gamma"]
        fake.label_smoothing = settings.get("label_smoothing", 0.0)
        return CPOTrainer.cpo_loss(fake, *pairs.means)[0].mean()
    if settings["objective"] == "orpo":
        losses = ORPOTrainer.odds_ratio_loss(fake, *pairs.means)[0]
        return -pairs.means[0].mean() - losses.mean()
    return None


def by_dpo_trainer(settings, model, rows, metrics):
    """Loss and gradients by TRL's DPOTrainer, whose metrics must be ours."""
    spec = importlib.util.spec_from_file_location("check", Path(HERE) / "trl.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    golden = {"rows": rows, "beta": settings["beta"]}
    with tempfile.TemporaryDirectory() as scratch:
        made = check.trainer(model, golden, model.config.vocab_size, scratch)
    made.loss_types = ["sigmoid" if settings["objective"] == "dpo" else settings["objective"]]
    made.model.train()
    loss = made._compute_loss(made.model, check.batch(golden), False)
    for name, value in metrics.items():
        theirs = made._metrics["train"][name][-1]
        assert abs(theirs - value) <= 1e-4 * max(1.0, abs(theirs)), (settings, name, theirs, value)
    return loss


def token_numbers(model, rows):
    by_role = {role: token_metrics(model, rows, role) for role in ROLES}
    metrics = {f"logits/{role}": tokens["mean_logits"].mean() for role, tokens in by_role.items()}
    metrics["entropy"] = torch.cat([tokens["entropy"] for tokens in by_role.values()]).mean()
    metrics["mean_token_accuracy"] = by_role["chosen"]["is_top1"].mean()
    return metrics


def main() -> None:
    model = with_adapter("tied", 8, LORA)
    rows = pair_rows(reload("tied"), 60, [(6, 4, 7), (9, 5, 2), (4, 8, 8), (5, 3, 3), (7, 2, 6)])
    named = [("a", "en", "gif"), ("a", "sw", "gif"), ("b", "en", "math"), ("b", "sw", "math"), ("b", "de", "code")]
    for row, (group, lang, task) in zip(rows, named):
        row |= {"group": group, "lang": lang, "task": task}
    tensors = prefixed("initial", plain({n: p.detach().clone() for n, p in trainable(model).items()}))
    with torch.no_grad():
        tokens = token_numbers(model, rows)
    cases = {}
    for name, settings in CASES.items():
        pairs = Pairs(model, rows)
        loss, metrics = LOSSES[settings["objective"]](settings, pairs)
        own, twin = gradients(model, loss), model
        theirs = of_trl(settings, pairs := Pairs(model, rows))
        if settings["objective"] in ("dpo", "hinge", "ipo") and "label_smoothing" not in settings:
            numbers = {key: value.item() for key, value in (metrics | tokens).items()}
            twin = with_adapter("tied", 8, LORA)
            theirs = by_dpo_trainer(settings, twin, rows, numbers)
        if theirs is not None:
            assert abs(theirs.item() - loss.item()) < 1e-5, (name, theirs, loss)
            for key, gradient in gradients(twin, theirs).items():
                assert (gradient - own[key]).abs().max() <= 1e-4 * own[key].abs().max(), (name, key)
        print(name, loss.item(), "as TRL" if theirs is not None else "")
        tensors |= prefixed(f"gradient.{name}", plain(own))
        numbers = {key: value.item() for key, value in (metrics | tokens).items()}
        cases[name] = {**settings, "loss": loss.item(), "metrics": numbers}
    peers = {m.__name__: m.__version__ for m in (torch, transformers, peft, trl)}
    facts = {
        "case": "objectives", "script": "tests/golden/objectives.py", "peers": peers, "dtype": "float32", "device": "cpu",
        "tolerance": "Training", "why": "every objective must have the loss, metrics and gradients of an independent reference",
        "lora": LORA, "rows": rows, "objectives": cases,
    }
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, OUT / "objectives.safetensors")
    (OUT / "objectives.json").write_text(json.dumps(facts, indent=1) + "\n")
    for path in OUT.glob("objectives.*"):
        assert path.stat().st_size <= 200_000, path


if __name__ == "__main__":
    main()
