"""Drop the pairs that come from, or copy, what the benchmarks measure, and write the data list.

    python filter.py --pairs DIR [DIR ...] --bench DIR --corpora DIR --exclude FILE --out DIR

Of several folders of pairs the last that has a repository gives its pairs. --bench holds the benchmark texts (folders
with corpus.jsonl and queries.jsonl), --corpora the trees of the benchmark's repositories. Rules, in this order:

    name    the repository is named in --exclude or has the name of one that is (a fork keeps its name): left out whole
    line    a line of LONG characters or more is also in a benchmark text
    run     RUN_LINES lines in a row, blanks aside, are also in a benchmark text (near copies made of short lines)
    query   QUERY_WORDS words in a row, or the whole query, are also in a benchmark query
    corpus  a line of LONG characters or more is also in at most CORPUS_FILES files of the benchmark's repositories
    copy    the repository loses more than COPY_SHARE of its pairs to `corpus`, so it is a fork under another name: left out whole
"""
import argparse
import collections
import glob
import json
import os
import re

from mine import KINDS, banned

LONG = 60               # characters of a line that hardly two people write alike
SHORT = 8               # characters, blanks aside, under which a line says nothing
RUN_LINES, QUERY_WORDS = 5, 8
CORPUS_FILES = 3        # a line in more files than this is boilerplate
COPY_SHARE = 0.2
RULES = ["line", "run", "query", "corpus"]
BOILERPLATE = re.compile(r"copyright|licen[sc]e|warrant|liabilit|permission|redistribut|^\W*(import|from|#include|using|use|require|"
                         r"package|module|export \{|@import|open|alias)\b|require\(|https?://", re.I)


def long_lines(text):
    return {line for line in (" ".join(l.split()) for l in text.split("\n")) if len(line) >= LONG}


def telling(line):
    """Whether a long line is code or prose of its own: no licence, import or rule of dashes."""
    return sum(c.isalpha() for c in line) >= LONG / 2 and not BOILERPLATE.search(line)


def runs(text):
    lines = [line for line in ("".join(l.split()) for l in text.split("\n")) if len(line) >= SHORT]
    return {hash("\n".join(lines[i:i + RUN_LINES])) for i in range(len(lines) - RUN_LINES + 1)}


def word_runs(text):
    """Every QUERY_WORDS words in a row; of a shorter text, all of it."""
    words = re.sub(r"\W+", " ", text.lower()).split()
    return {" ".join(words[i:i + QUERY_WORDS]) for i in range(max(1, len(words) - QUERY_WORDS + 1))}


class Measured:
    """What the benchmarks measure, as sets of lines, of runs of lines and of runs of words."""

    def __init__(self, bench, corpora):
        self.lines, self.runs, self.words = set(), set(), set()
        for file in glob.glob(os.path.join(bench, "**", "*.jsonl"), recursive=True):
            kind = os.path.basename(file)
            for line in open(file, encoding="utf-8") if kind in ("corpus.jsonl", "queries.jsonl") else []:
                text = json.loads(line)["text"]
                self.lines |= long_lines(text)
                self.runs |= runs(text)
                self.words |= word_runs(text) if kind == "queries.jsonl" else set()
        files = collections.Counter()
        for folder, _, names in os.walk(corpora):
            for name in names:
                try:
                    text = open(os.path.join(folder, name), encoding="utf-8").read(2_000_000)
                except (UnicodeDecodeError, OSError):
                    continue        # not a text
                files.update({hash(line) for line in long_lines(text) if telling(line)})
        self.corpus = {line for line, count in files.items() if count <= CORPUS_FILES}

    def rule(self, pair):
        """The rule that a pair breaks, or None."""
        text = pair["query"] + "\n" + pair["code"]
        long = long_lines(text)
        if not long.isdisjoint(self.lines):
            return "line"
        if not runs(pair["code"]).isdisjoint(self.runs):
            return "run"
        if not word_runs(pair["query"]).isdisjoint(self.words):
            return "query"
        return "corpus" if any(hash(line) in self.corpus for line in long if telling(line)) else None


def clean(file, measured, out):
    """Filter one repository's pairs into `out`; returns its entry for the data list."""
    entry = json.load(open(file[:-1]))
    kept, dropped, shown = [], collections.Counter(), {}
    for line in open(file, encoding="utf-8"):
        pair = json.loads(line)
        rule = measured.rule(pair)
        dropped[rule] += 1
        if rule:
            shown[rule] = pair
        else:
            kept.append((line, pair))
    entry["dropped"] = {rule: dropped[rule] for rule in RULES}
    entry["shown"] = shown
    if dropped["corpus"] > COPY_SHARE * sum(dropped.values()):
        entry["dropped"]["copy"], kept = len(kept), []
    entry["pairs"] = {kind: sum(pair["kind"] == kind for _, pair in kept) for kind in KINDS}
    entry["languages"] = dict(collections.Counter(pair["language"] for _, pair in kept))
    if kept:
        with open(os.path.join(out, os.path.basename(file)), "w", encoding="utf-8") as handle:
            handle.writelines(line for line, _ in kept)
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", required=True, nargs="+")
    for name in ("bench", "corpora", "exclude", "out"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    measured, (_, names), entries = Measured(options.bench, options.corpora), banned(options.exclude), []
    files = {os.path.basename(file): file for folder in options.pairs for file in glob.glob(os.path.join(folder, "*.jsonl"))}
    for name, file in sorted(files.items()):
        if name[:-6].split("+")[1].lower() in names:
            print("left out by name:", name[:-6])
            continue
        entry = clean(file, measured, options.out)
        entries.append(entry)
        with open(os.path.join(options.out, name[:-1]), "w") as handle:
            json.dump({key: value for key, value in entry.items() if key != "shown"}, handle)
    with open(os.path.join(options.out, "dropped.txt"), "w") as handle:     # to read by eye; not .jsonl, which would be trained on
        for entry in entries:
            handle.writelines(json.dumps({"repository": entry["repository"], "rule": r} | p) + "\n" for r, p in entry["shown"].items())
    report(entries, options.out)


def report(entries, out):
    """Write repositories.txt; print pairs by language and kind, and what each rule dropped."""
    with open(os.path.join(out, "repositories.txt"), "w") as handle:
        handle.write(f"# repository commit licence pairs ({' '.join(KINDS)})\n")
        for entry in (e for e in entries if sum(e["pairs"].values())):
            counts = [entry["pairs"][kind] for kind in KINDS]
            handle.write(f"{entry['repository']} {entry['commit']} {entry['licence']} {sum(counts)} ({' '.join(map(str, counts))})\n")
    kinds, languages, dropped = collections.Counter(), collections.Counter(), collections.Counter()
    for entry in entries:
        kinds.update(entry["pairs"])
        languages.update(entry["languages"])
        dropped.update(entry["dropped"])
    print(len(entries), "repositories", sum(kinds.values()), "pairs", dict(kinds), dict(languages), "dropped", dict(dropped))
    print("copies:", [e["repository"] for e in entries if "copy" in e["dropped"]])


if __name__ == "__main__":
    main()
