"""NDCG@10 of an exported model, vectors only, on MBPP and HumanEval (corpus.jsonl, queries.jsonl, qrels.jsonl each).

    python evaluate.py --model DIR --bench DIR [--floor 43]
"""
import argparse
import json
import math
import os
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

DEPTH = 10
QUERY, PASSAGE = 0, 1


class Embedder:
    """The exported files as a function from texts to float32 [texts, d]."""

    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.limit = json.load(open(os.path.join(folder, "model.json")))["maxTokens"]

    def ids(self, texts):
        return [e.ids[:self.limit] for e in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def __call__(self, texts, side, batch=32):
        lists, out = self.ids(texts), []
        for at in range(0, len(lists), batch):
            part = lists[at:at + batch]
            ids = np.zeros((len(part), max([1, *map(len, part)])), np.int64)
            mask = np.zeros_like(ids)
            for row, tokens in enumerate(part):
                ids[row, :len(tokens)] = tokens
                mask[row, :len(tokens)] = 1
            feed = {"input_ids": ids, "attention_mask": mask, "side": np.array([side], np.int64)}
            out.append(self.session.run(None, feed)[0])
        return np.concatenate(out)


def records(*path):
    return [json.loads(line) for line in open(os.path.join(*path), encoding="utf-8")]


def ndcg(embed, folder):
    """Mean NDCG@10 in percent over the queries of one set."""
    corpus, queries = records(folder, "corpus.jsonl"), records(folder, "queries.jsonl")
    judged = {}
    for row in records(folder, "qrels.jsonl"):
        query, passage = (row.get(a) or row.get(b) for a, b in (("query-id", "query_id"), ("corpus-id", "corpus_id")))
        judged.setdefault(query, {})[passage] = row["score"]
    text = lambda r: ((r.get("title") or "") + "\n" + r["text"]).strip()
    scores = embed([r["text"] for r in queries], QUERY) @ embed([text(r) for r in corpus], PASSAGE).T
    total, counted = 0.0, 0
    for row, query in zip(scores, queries):
        wanted = judged.get(query["_id"])
        if not wanted:
            continue
        best = np.argsort(-row, kind="stable")[:DEPTH]
        gain = sum(wanted.get(corpus[i]["_id"], 0) / math.log2(rank + 2) for rank, i in enumerate(best))
        ideal = sum(s / math.log2(rank + 2) for rank, s in enumerate(sorted(wanted.values(), reverse=True)[:DEPTH]))
        total, counted = total + gain / ideal, counted + 1
    return 100 * total / counted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--floor", type=float, default=0, help="fail below this score")
    options = parser.parse_args()
    embed = Embedder(options.model)
    scores = {name: round(ndcg(embed, os.path.join(options.bench, name)), 2) for name in ("mbpp", "humaneval")}
    print(json.dumps(scores))
    sys.exit(min(scores.values()) < options.floor)


if __name__ == "__main__":
    main()
