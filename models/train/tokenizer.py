"""Build the tokenizer.json that Python `tokenizers` and JavaScript `@huggingface/tokenizers` read alike.

Text is cut at changes of case and between letters and digits, lower-cased, split at everything that is no letter and
no digit, and a word outside the vocabulary is cut greedily into known pieces (WordPiece without a continuation mark,
so that a piece shares the vector of the word it looks like). No special tokens are added.

    python tokenizer.py --pairs DIR --out tokenizer.json [--size 60000]
"""
import argparse
import collections
import glob
import json
import multiprocessing
import re

SIZE = 60_000          # rows of 256 int8 values: 15.4 MB, and two float weights a row 0.5 MB: under 16 MiB in all
MIN_COUNT = 3          # even an untrained random vector of a rare word serves as an exact match
MIN_REPOSITORIES = 2   # a word of one repository alone says nothing elsewhere
MIN_CHAR = 30          # letters of other scripts kept as single pieces
MAX_WORD = 24          # longer words are cut into pieces

# Zero-width places: aB, a1, ABc, A1, 1a. Only ASCII, so that both regex engines agree; the look-ahead comes first
# because it fails soonest (JavaScript, 4,000 texts: 6.2 MB/s against 3.6 MB/s with the look-behinds first).
BOUNDARY = r"(?=[A-Z0-9])(?:(?<=[a-z])|(?<=[A-Z])(?=[A-Z][a-z]|[0-9]))|(?<=[0-9])(?=[A-Za-z])"


def definition(vocabulary):
    """tokenizer.json as a dict, for a list of words in the order of their ids."""
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Replace", "pattern": {"Regex": BOUNDARY}, "content": " "},
            {"type": "Lowercase"},
            # JavaScript lower-cases a final capital sigma by context, the Python library does not
            {"type": "Replace", "pattern": {"String": "\u03c2"}, "content": "\u03c3"}]},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[^\p{L}\p{N}]+"}, "behavior": "Removed", "invert": False},
        "post_processor": None, "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "",
                  "max_input_chars_per_word": 64, "vocab": {word: i for i, word in enumerate(vocabulary)}}}


def count(path):
    """Counter of the words of one repository's pairs."""
    words = collections.Counter()
    for line in open(path, encoding="utf-8"):
        pair = json.loads(line)
        text = "\n".join((pair["query"], pair["path"], pair["code"]))
        words.update(re.findall(r"[^\W_]+", re.sub(BOUNDARY, " ", text).lower()))
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--size", type=int, default=SIZE)
    options = parser.parse_args()
    total, spread = collections.Counter(), collections.Counter()
    with multiprocessing.Pool(2) as pool:
        for words in pool.imap_unordered(count, sorted(glob.glob(options.pairs + "/*.jsonl"))):
            total.update(words)
            spread.update(words.keys())
    letters = collections.Counter()
    for word, number in total.items():
        if not word.isascii():
            letters.update({letter: number for letter in word})
    singles = list("0123456789abcdefghijklmnopqrstuvwxyz") + sorted(c for c, n in letters.items() if n >= MIN_CHAR and not c.isascii())
    words = sorted((w for w, n in total.items() if n >= MIN_COUNT and spread[w] >= MIN_REPOSITORIES and len(w) <= MAX_WORD
                    and not (w.isdigit() and len(w) > 4)), key=lambda w: (-total[w], w))
    vocabulary = list(dict.fromkeys(["[PAD]", "[UNK]"] + singles + words))[:options.size]
    with open(options.out, "w", encoding="utf-8") as handle:
        json.dump(definition(vocabulary), handle, ensure_ascii=False, separators=(",", ":"))
    print("distinct words", len(total), "kept", len(vocabulary), "rarest kept", total[vocabulary[-1]],
          "running text covered", round(sum(total[w] for w in vocabulary) / sum(total.values()), 4))


if __name__ == "__main__":
    main()
