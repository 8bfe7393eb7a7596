"""Mine (query, code) pairs from git snapshots of public repositories.

One file per repository is written, so that the pairs of a repository stay together (training draws its negatives
from the same repository). Kinds of pair:

    doc      first paragraph of a documentation comment -> the definition it documents, comment removed
    module   first paragraph of a file's own documentation -> the first lines of that file
    commit   subject of a commit -> its largest hunk as it looks after the commit
    name     name of an undocumented definition, split into words -> its body with the name masked
    test     sentence that names a test -> body of the test
    section  heading and first prose of a section of the documentation -> the definition or file that it names
    fence    sentence before an example in the documentation -> the example
    message  what an error says -> the function that raises it, with the text masked

    python mine.py --list FILE --mirror DIR --exclude FILE --out DIR

--list holds one owner/name a line; --mirror holds a bare git directory for each (owner+name/repo or owner+name.git).
The next stage is filter.py, which takes out what the benchmarks measure.
"""
import argparse
import json
import multiprocessing
import os
import random
import re
import zlib

from definitions import definitions
from documents import Index, documents
from snapshot import commits, documentation, git, licence_of, sources

KINDS = ["doc", "module", "commit", "test", "name", "section", "fence", "message"]
MOST = {"doc": 9000, "name": 1500, "test": 600, "section": 1500, "fence": 1000, "message": 600}
# ^ pairs kept of one repository and kind, so that no repository dominates


def mine(job):
    """Mine one repository; returns its line for the data list."""
    repository, directory, out, excluded_names = job
    licence = licence_of(directory)
    entry = {"repository": repository, "licence": licence, "commit": git(directory, "rev-parse", "HEAD").decode().strip(),
             "pairs": {}, "languages": {}}
    if not licence:
        return entry
    rng = random.Random(zlib.crc32(repository.encode()))
    pairs, seen, index = {kind: [] for kind in KINDS}, set(), Index()

    def add(kind, language, path, query, code):
        key = re.sub(r"\W+", " ", query.lower())
        if key not in seen and len(code.strip()) >= 30:
            seen.add(key)
            pairs[kind].append({"kind": kind, "language": language, "path": path, "query": query, "code": code})

    for path, language, text in sources(directory, excluded_names, rng):
        found, made = definitions(path, language, text)
        index.add(path, language, text, found)
        for kind, query, code in made:
            add(kind, language, path, query, code)
    for kind, language, path, query, code in commits(directory):
        if not excluded_names & set(path.lower().split("/")[:-1]):
            add(kind, language, path, query, code)
    for pair in documents(documentation(directory, excluded_names), index):
        add(*pair)
    for kind, most in MOST.items():
        pairs[kind] = rng.sample(pairs[kind], most) if len(pairs[kind]) > most else pairs[kind]
    with open(os.path.join(out, repository.replace("/", "+") + ".jsonl"), "w", encoding="utf-8") as handle:
        for pair in (p for group in pairs.values() for p in group):
            handle.write(json.dumps(pair) + "\n")
            entry["languages"][pair["language"]] = entry["languages"].get(pair["language"], 0) + 1
    entry["pairs"] = {k: len(v) for k, v in pairs.items()}
    return entry


def banned(exclude_file):
    """(repositories that must not train as owner/name, their names alone; both in lower case)."""
    full = {line.strip().lower() for line in open(exclude_file) if "/" in line and " " not in line.strip()}
    return full, {name.split("/")[1] for name in full}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("list", "mirror", "exclude", "out"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    _, names = banned(options.exclude)
    folders = names - {"json", "requests", "click", "rack", "chi", "express", "http", "zig"}   # words that mean nothing as a folder
    jobs = []
    for repository in dict.fromkeys(line.split()[0] for line in open(options.list) if "/" in line and line[0] != "#"):
        name = repository.replace("/", "+")
        target = os.path.join(options.out, name + ".json")
        places = [os.path.join(options.mirror, name, "repo", ".git"), os.path.join(options.mirror, name, "repo"),
                  os.path.join(options.mirror, name + ".git")]
        directory = next((p for p in places if os.path.exists(os.path.join(p, "HEAD"))), None)
        fork = repository.lower().split("/")[1] in names    # a benchmark repository or, by its name, a fork of one
        if directory and not fork and not os.path.exists(target):
            jobs.append((repository, directory, options.out, folders))
    with multiprocessing.Pool(options.jobs) as pool:
        for entry in pool.imap_unordered(mine, jobs):
            with open(os.path.join(options.out, entry["repository"].replace("/", "+") + ".json"), "w") as handle:
                json.dump(entry, handle)
            print(entry["repository"], entry["licence"], entry["pairs"], flush=True)


if __name__ == "__main__":
    main()
