"""Checks that chorale and the Python tools share one cache of models, both ways. Prints what it found.

Run by hand from the repository's root, never by the tests:

    python tests/golden/hub.py target/debug/chorale

A hub on this machine serves the tiny golden checkpoint. First chorale fetches it into an empty cache and transformers loads it
from there, offline; then huggingface_hub fetches it into another cache and chorale takes it from there, offline. Both lock files
must be equal. (The stage itself then fails, because the served tokenizer belongs to another model; only files matter here.)
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GOLDEN = Path("tests/fixtures/golden")
COMMIT = "c0ffee00" * 5
FILES = {path.name: path.read_bytes() for folder in ["training/tied", "chat/tokenizer"] for path in (GOLDEN / folder).iterdir()}
FILES = {name: data for name, data in FILES.items() if name.endswith((".json", ".safetensors"))}


class Hub(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/api/models/org/name/tree/"):
            tree = [{"type": "file", "path": name, "oid": "0" * 40, "size": len(data)} for name, data in FILES.items()]
            body, headers = json.dumps(tree).encode(), {"Content-Type": "application/json"}
        elif path.startswith("/api/models/org/name"):
            body = json.dumps({"id": "org/name", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}).encode()
            headers = {"Content-Type": "application/json"}
        else:
            name = path.rsplit("/", 1)[1]
            if name not in FILES:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = FILES[name]
            etag = hashlib.sha256(body).hexdigest()
            headers = {"ETag": f'"{etag if name.endswith(".safetensors") else etag[:40]}"', "X-Repo-Commit": COMMIT}
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def run(command, home, endpoint, **more):
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_HOME": str(home / "hf"), "HF_ENDPOINT": endpoint, **more}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=home)
    return ran.returncode, ran.stdout + ran.stderr


def main() -> None:
    chorale = str(Path(sys.argv[1]).resolve())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    recipe = '[recipe]\nname = "r"\n\n[model.base]\nhf = "org/name"\n'
    load = "from transformers import AutoModelForCausalLM as M; print(sum(p.numel() for p in M.from_pretrained('org/name').parameters()))"
    fetch = "from huggingface_hub import snapshot_download as f; print(f('org/name'))"
    locks = []
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        one, two = Path(one), Path(two)
        for home in (one, two):
            (home / "r.toml").write_text(recipe)
        print("chorale fetches:", run([chorale, "run", "r.toml"], one, endpoint)[1].strip().splitlines()[-1])
        code, text = run([sys.executable, "-c", load], one, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
        assert code == 0, text
        print("transformers loads it offline:", text.strip().splitlines()[-1], "parameters")
        code, text = run([sys.executable, "-c", fetch], two, endpoint)
        assert code == 0, text
        print("chorale takes it offline:", run([chorale, "run", "r.toml"], two, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")[1].strip().splitlines()[-1])
        locks = [(home / "r.lock").read_text() for home in (one, two)]
    assert locks[0] == locks[1] and locks[0].count("[[model.file]]") == len([name for name in FILES if name != "versions.json"]), locks
    print("both lock files are equal")


main()
