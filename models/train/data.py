"""Pairs as token ids, and the batches made of them."""
import glob
import hashlib
import json
import os
import re

import numpy as np
from tokenizers import Tokenizer

# Never trained on, whatever the list of repositories, so that held-out figures of different lists can be compared.
HELD_OUT = ["elixir-explorer+explorer", "libsdl-org+SDL", "numpy+numpy", "rust-lang+regex", "vitejs+vite"]
KINDS = ["doc", "module", "commit", "test", "name", "section", "fence", "message"]
SHARE = {"name": 0.5}    # share of a kind that one epoch sees (1 where not named)
RUN = 256                # pairs of one repository in a row: negatives from the same code (largest gain of the first study)
BATCH = 2048
WINDOW = 256             # tokens of code seen at once; a chunk of the index has about as many
PATH_SHARE = 0.5         # passages that begin with their path, as an index embeds them
QUERY_DROP, CODE_DROP = 0.15, 0.3   # token dropout
TEMPLATE_SHARE = 0.3     # queries phrased as people phrase them
TEMPLATES = ["how does", "how is", "where is", "where are", "find", "code that", "code for", "function that", "how to",
             "write a function to", "write a python function to", "implementation of", "what", "which class", "the"]


def text_key(text):
    """A 64-bit number that stands for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


class Texts:
    """Token ids of many texts, end to end: ids [n], starts [texts + 1]."""

    def __init__(self, tokenizer, texts):
        lists = []
        for at in range(0, len(texts), 20_000):
            lists += [np.array(e.ids, dtype=np.uint16) for e in tokenizer.encode_batch_fast(texts[at:at + 20_000], add_special_tokens=False)]
        self.ids = np.concatenate(lists) if lists else np.zeros(0, np.uint16)
        self.starts = np.cumsum([0] + [len(l) for l in lists])


class Corpus:
    """All pairs. Texts `query`, `path`, `code`; per pair `repository`, `kind`, `language` (numbers), `key` of the query, `held_out` (bool)."""

    def __init__(self, pairs_folder, tokenizer_file, limit=None, drop=(QUERY_DROP, CODE_DROP)):
        self.drop = drop
        tokenizer = Tokenizer.from_file(tokenizer_file)
        tokenizer.no_padding(), tokenizer.no_truncation()
        columns = {"query": [], "path": [], "code": []}
        repository, kind, language, keys, seen, names = [], [], [], [], set(), []
        for number, file in enumerate(sorted(glob.glob(pairs_folder + "/*.jsonl"))[:limit]):
            names.append(os.path.basename(file)[:-6])
            for line in open(file, encoding="utf-8"):
                pair = json.loads(line)
                key = re.sub(r"\W+", " ", pair["query"].lower())
                if key in seen:
                    continue
                seen.add(key)
                for column in columns:
                    columns[column].append(pair[column])
                repository.append(number)
                kind.append(KINDS.index(pair["kind"]))
                language.append(pair["language"])
                keys.append(text_key(pair["query"]))
        self.names, self.vocabulary = names, tokenizer.get_vocab_size()
        self.repository, self.kind, self.key = np.array(repository), np.array(kind), np.array(keys, np.uint64)
        self.languages, self.language = np.unique(language, return_inverse=True)
        self.query, self.path, self.code = (Texts(tokenizer, columns[c]) for c in ("query", "path", "code"))
        self.templates = Texts(tokenizer, TEMPLATES)
        self.prior = np.stack([self.idf(self.query), self.idf(self.code)])
        self.prior[:, :2] = 0                                  # [PAD] and [UNK] say nothing
        held = {number for number, name in enumerate(names) if name in HELD_OUT}
        self.held_names = [names[i] for i in sorted(held)]
        self.held_out = np.isin(self.repository, sorted(held))

    def idf(self, texts):
        """log inverse document frequency of every token in `texts`: float32 [V]."""
        row = np.repeat(np.arange(len(texts.starts) - 1, dtype=np.int64), np.diff(texts.starts))
        token = np.unique(row * 65536 + texts.ids) % 65536
        seen = np.bincount(token, minlength=self.vocabulary)
        return np.log((len(texts.starts) + 1) / (seen + 1)).astype(np.float32)

    def epoch(self, rng):
        """Yield batches of pair numbers: runs of RUN pairs of one repository, runs in random order."""
        chance = np.array([SHARE.get(k, 1.0) for k in KINDS])[self.kind]
        chosen = np.flatnonzero(~self.held_out & (rng.random(len(chance)) < chance))
        rng.shuffle(chosen)
        chosen = chosen[np.argsort(self.repository[chosen], kind="stable")]
        borders = np.flatnonzero(np.diff(self.repository[chosen])) + 1
        runs = [part[i:i + RUN] for part in np.split(chosen, borders) for i in range(0, len(part), RUN)]
        rng.shuffle(runs)
        flat = np.concatenate(runs)
        for at in range(0, len(flat) - BATCH + 1, BATCH):
            yield flat[at:at + BATCH]

    def bags(self, numbers, side, rng=None):
        """Token ids of some pairs, joined, and where each begins: (int64 [n], int64 [pairs]). Random only with rng."""
        texts = self.query if side == 0 else self.code
        first, last = texts.starts[numbers], texts.starts[numbers + 1]
        length = last - first
        if side == 1:
            room = np.maximum(length - WINDOW, 0)
            if rng is not None:
                first = first + (rng.random(len(numbers)) * (room + 1)).astype(np.int64) * (rng.random(len(numbers)) < 0.5)
            last = np.minimum(last, first + WINDOW)
        before, which = (self.templates, None) if side == 0 else (self.path, numbers)
        if which is None:
            which = np.zeros(len(numbers), np.int64) if rng is None else rng.integers(0, len(TEMPLATES), len(numbers))
        share = PATH_SHARE if side == 1 else TEMPLATE_SHARE
        use = (rng.random(len(numbers)) < share) if rng is not None else np.full(len(numbers), side == 1)
        pre_first = before.starts[which]
        pre_length = np.where(use, before.starts[which + 1] - pre_first, 0)
        ids, owner = [], []
        for source, begin, size in ((before.ids, pre_first, pre_length), (texts.ids, first, last - first)):
            at = np.repeat(begin - np.concatenate(([0], np.cumsum(size)[:-1])), size) + np.arange(size.sum())
            ids.append(source[at].astype(np.int64))
            owner.append(np.repeat(np.arange(len(numbers)), size))
        ids, owner = np.concatenate(ids), np.concatenate(owner)
        if rng is not None:
            keep = rng.random(len(ids)) >= self.drop[side]
            ids, owner = ids[keep], owner[keep]
        order = np.argsort(owner, kind="stable")
        return ids[order], np.searchsorted(owner[order], np.arange(len(numbers)))
