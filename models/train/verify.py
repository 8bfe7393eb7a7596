"""Check an exported model: int8 against the trainer's floats, plain arithmetic against ONNX, Python's token ids
against JavaScript's. Exits 1 when a check fails.

    python verify.py --model DIR --checkpoint checkpoint.npz --pairs DIR --js FOLDER_WITH_NODE_MODULES
"""
import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import numpy_helper

from evaluate import Embedder, PASSAGE, QUERY
from export import load

TEXTS_PER_LANGUAGE = 60
ODD = ["", " ", "\n\n\t", "_", "parseHTTPResponse utf8_decode SHA256Sum", "ABCdef123ghiJKL", "ΟΔΟΣ ὈΔΥΣΣΕΎΣ λόγος", "İstanbul ISPARTA ı",
       "你好,世界 查找文件 関数を検索する 파일 찾기", "🎉 emoji 👩‍👩‍👧 flags 🇬🇧", "e\u0301 é ﬁ Straße STRASSE ǅ", "x\u200dy\u00a0z\ufeff", "\x00\x01 control",
       "हिन्दी العربية עברית ไทย", "a" * 300, "aB" * 200, "١٢٣ Ⅷ ½ x²", "\ud7a3 \U0001d4d0\U0001d4d1", "don't «quote» “smart” — dash…"]
MEAN, LEAST, ARITHMETIC = 0.999, 0.99, 1e-5


def sample(folder):
    """Queries and passages of every language, path line included, and the odd cases."""
    groups = {}
    for file in sorted(glob.glob(folder + "/*.jsonl")):
        for line in list(open(file, encoding="utf-8"))[::97]:
            pair = json.loads(line)
            groups.setdefault(pair["language"], []).append(pair)
    texts = list(ODD)
    for language in sorted(groups):
        random.seed(language)
        for pair in random.sample(groups[language], min(TEXTS_PER_LANGUAGE, len(groups[language]))):
            texts += [pair["query"], pair["path"] + "\n" + pair["code"]]
    return texts, sorted(groups)


def weighted(table, weights, lists, side):
    """The same sum in numpy: [texts, d]."""
    out = np.zeros((len(lists), table.shape[1]), np.float32)
    for row, ids in enumerate(lists):
        if ids:
            out[row] = weights[side][ids] @ table[ids].astype(np.float32)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, nargs="+")
    for name in ("model", "pairs", "js"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    embed = Embedder(options.model)
    texts, languages = sample(options.pairs)
    lists = embed.ids(texts)
    stored = {i.name: numpy_helper.to_array(i) for i in onnx.load(os.path.join(options.model, "model.onnx")).graph.initializer}
    table, weights = load(options.checkpoint)
    failed = sorted(stored) != ["table", "token_weight"]
    for side in (QUERY, PASSAGE):
        ours = embed(texts, side)
        plain = weighted(stored["table"], stored["token_weight"], lists, side)
        exact = weighted(table, weights, lists, side)
        some = np.linalg.norm(exact, axis=1) > 0.5
        cosine = (ours * exact).sum(1)[some]
        worst = float(np.abs(ours - plain).max())
        silent = bool(np.all(ours[~some] == 0)) and bool(np.isfinite(ours).all())
        print(f"side {side}: {int(some.sum())} texts, cosine to float mean {cosine.mean():.5f} min {cosine.min():.5f}, "
              f"numpy against ONNX {worst:.1e}, empty texts zero {silent}")
        failed |= cosine.mean() < MEAN or cosine.min() < LEAST or worst > ARITHMETIC or not silent
    with tempfile.NamedTemporaryFile("w", suffix=".json") as handle:
        json.dump(texts, handle)
        handle.flush()
        run = subprocess.run(["node", os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenize.mjs"), options.js,
                              os.path.join(options.model, "tokenizer.json"), handle.name], capture_output=True, text=True, check=True)
    different = sum(a[:embed.limit] != b for a, b in zip(json.loads(run.stdout), lists))
    print(f"{len(texts)} texts in {len(languages)} languages, token ids that differ: {different}")
    print(run.stderr.strip())
    began = time.time()
    embed([t for t in texts for _ in range(3)], PASSAGE)
    print(f"onnx with Python's tokenizer, one thread each: {3 * len(texts) / (time.time() - began):.0f} texts/s")
    sys.exit(bool(failed or different))


if __name__ == "__main__":
    main()
