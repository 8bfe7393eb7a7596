"""Read a bare git directory: its licence, its source files, its documentation, its commits."""
import re
import subprocess
import time

from languages import LANGUAGE

MAX_FILES = 6000        # files read of one repository
MAX_DOCUMENTS = 1500    # documents read of one repository
MAX_COMMITS = 2500      # commits read of one repository
COMMIT_SECONDS = 20     # and no longer than this
MAX_BYTES = 200_000     # a larger file is generated or data
CODE_CHARS = 2400       # longest code side

VENDORED = re.compile(r"(^|/)(vendor(ed)?|_vendor|third[-_]?party|3rdparty|node_modules|externals?|extern|deps|bundled?|"
                      r"submodules|dist|generated|testdata|snapshots?|locales?|i18n|nlohmann)(/|$)|\.min\.|\.pb\.|"
                      r"_pb2|json\.hpp|\.generated\.|\.g\.cs|\.d\.ts$|\.Designer\.cs", re.I)
SKIP_COMMIT = re.compile(r"^(bump|release|merge|revert|version|prepare|typos?|lint|format|docs?|tests?|ci|chore|style|"
                         r"build|deps|cleanup|clean up|wip|update (dep|change|read|version|copy|doc|test)|v?\d+\.)|"
                         r"changelog|readme|typo|copyright|\brelease\b|upgrade|dependenc|whitespace|rubocop|eslint", re.I)
TEST_PATH = re.compile(r"(^|[/_.])(tests?|specs?|__tests__|testing|mocks?|fixtures?|examples?|docs?|playground|samples?|benchmarks?)[/_.]|"
                       r"(Tests?|Spec)\.\w+$", re.I)
DOCUMENT = re.compile(r"\.(md|mdx|markdown|livemd|rst|adoc|asciidoc)$", re.I)
NO_DOCUMENT = re.compile(r"(^|/)[^/]*(change(s|log)|history|news|release|relnotes|mdtest|agents|claude|upgrad|migrat|contributing|conduct|security|whatsnew|"
                         r"what_s_new|roadmap|governance|maintain|licen[sc]e|template|authors)[^/]*(/|$)|"
                         r"(^|/)(zh|cn|ja|jp|ko|fr|es|pt|ru|de|it|tr|vi|id|zh[-_]\w+|pt[-_]\w+)(/|\.)|[._-](zh|cn|ja|ko|ru|fr|es)\.", re.I)
LICENCES = [("GPL", r"GNU (LESSER |AFFERO |LIBRARY )?GENERAL PUBLIC"), ("MPL-2.0", r"Mozilla Public License"),
            ("EPL", r"Eclipse Public"), ("BUSL", r"Business Source|Reciprocal Public|Elastic License"),
            ("Apache-2.0", r"Apache License"), ("MIT", r"Permission is hereby granted, free of charge|MIT License"),
            ("BSD", r"Redistributions? (and use )?(in|of) (source|binary)|BSD[- ]\d-Clause"),
            ("ISC", r"Permission to use, copy, modify,? and(/or)? distribute"), ("BSL-1.0", r"Boost Software License"),
            ("Zlib", r"provided 'as-is', without any express"), ("PSF-2.0", r"PYTHON SOFTWARE FOUNDATION LICENSE"),
            ("Ruby", r"^Ruby is copyrighted"), ("Unlicense", r"free and unencumbered software")]
PERMISSIVE = {"Apache-2.0", "MIT", "BSD", "ISC", "BSL-1.0", "Zlib", "PSF-2.0", "Unlicense"}


def git(directory, *arguments, **options):
    return subprocess.run(["git", "--git-dir", directory, "-c", "safe.directory=*", *arguments],
                          capture_output=True, check=False, **options).stdout


def licence_of(directory):
    """Name of the permissive licence in the root of the newest commit, or None."""
    names = [n for n in git(directory, "ls-tree", "--name-only", "HEAD").decode().split("\n")
             if re.match(r"(un)?licen[sc]e|copying|mit-licen|.*-licen[sc]e$", n, re.I)]
    for name in sorted(names, key=lambda n: (not n.lower().startswith("licen"), len(n))):
        text = re.sub(r"\s+", " ", git(directory, "show", "HEAD:" + name).decode("utf-8", "replace")[:4000])
        hits = [(m.start(), kind) for kind, pattern in LICENCES if (m := re.search(pattern, text, re.I))]
        if hits:    # the first licence file that is understood decides; another beside it may be for a part only
            return min(hits)[1] if min(hits)[1] in PERMISSIVE else None
    return None


def sources(directory, excluded_names, rng):
    """(path, language, text) of up to MAX_FILES source files of the newest commit."""
    wanted = []
    for line in git(directory, "ls-tree", "-r", "-l", "HEAD").decode("utf-8", "replace").split("\n"):
        head, _, path = line.partition("\t")
        parts = head.split()
        language = LANGUAGE.get(path.rsplit(".", 1)[-1]) if "." in path else None
        if language and len(parts) == 4 and parts[3].isdigit() and 200 < int(parts[3]) < MAX_BYTES \
                and not VENDORED.search(path) and not excluded_names & set(path.lower().split("/")[:-1]):
            wanted.append((path, language, parts[2]))
    rng.shuffle(wanted)
    for (path, language), text in blobs(directory, [((path, language), blob) for path, language, blob in wanted[:MAX_FILES]]):
        if max(map(len, text.split("\n"))) < 400:
            yield path, language, text


def documentation(directory, excluded_names):
    """(path, text) of up to MAX_DOCUMENTS documents of the newest commit, the highest in the tree first."""
    wanted = []
    for line in git(directory, "ls-tree", "-r", "-l", "HEAD").decode("utf-8", "replace").split("\n"):
        head, _, path = line.partition("\t")
        parts = head.split()
        if DOCUMENT.search(path) and not NO_DOCUMENT.search(path) and not VENDORED.search(path) and len(parts) == 4 and \
                parts[3].isdigit() and 200 < int(parts[3]) < 2 * MAX_BYTES and not excluded_names & set(path.lower().split("/")[:-1]):
            wanted.append((path, parts[2]))
    wanted.sort(key=lambda document: (document[0].count("/"), document[0]))
    yield from blobs(directory, wanted[:MAX_DOCUMENTS])


def blobs(directory, wanted):
    """Yield (key, text) for each (key, object name)."""
    data = git(directory, "cat-file", "--batch", input="\n".join(blob for _, blob in wanted).encode() + b"\n")
    at = 0
    for key, _ in wanted:
        end = data.index(b"\n", at)
        header = data[at:end].split()
        if header[1:2] != [b"blob"]:
            at = end + 1
            continue
        size = int(header[2])
        yield key, data[end + 1:end + 1 + size].decode("utf-8", "replace").replace("\r\n", "\n").replace("\t", "    ")
        at = end + 1 + size + 1


def commits(directory):
    """Yield ("commit", language, path, subject, hunk after the change)."""
    globs = ["*." + extension for extension in LANGUAGE]
    log = subprocess.Popen(["git", "--git-dir", directory, "-c", "safe.directory=*", "-c", "diff.renameLimit=1", "log",
                            "--no-merges", "-n", str(MAX_COMMITS), "--format=%x01%s", "-p", "-U3", "--no-renames",
                            "--diff-filter=AM", "--no-color", "HEAD", "--", *globs],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    began, subject, best, path, hunk, added, size = time.time(), None, None, None, [], 0, 0

    def better():
        return (added, path, "\n".join(hunk)) if path and added >= 3 and (not best or added > best[0]) else best

    for raw in log.stdout:
        if raw.startswith(b"\x01"):
            best = better()
            if subject and best:
                yield "commit", LANGUAGE[best[1].rsplit(".", 1)[-1]], best[1], subject, best[2][:CODE_CHARS]
            if time.time() - began > COMMIT_SECONDS:
                break
            subject = re.sub(r"\(?#\d+\)?|^\w+(\([^)]*\))?!?: |^\[[^\]]*\]:? *", "", raw[1:].decode("utf-8", "replace")).strip()
            if SKIP_COMMIT.search(raw[1:].decode("utf-8", "replace")) or not 4 <= len(subject.split()) <= 25:
                subject = None
            best, path, hunk, added, size = None, None, [], 0, 0
        elif not subject:
            continue
        elif raw.startswith(b"+++ b/"):
            name = raw[6:].decode("utf-8", "replace").strip()
            path = name if LANGUAGE.get(name.rsplit(".", 1)[-1]) and not TEST_PATH.search(name) \
                and not VENDORED.search(name) else None
            hunk, added, size = [], 0, 0
        elif raw.startswith((b"@@", b"diff ")):
            best = better()
            hunk, added, size = [], 0, 0
            if raw.startswith(b"diff "):
                path = None
        elif path and size < CODE_CHARS and raw[:1] in b"+ " and not raw.startswith(b"+++"):
            added += raw[:1] == b"+"
            size += len(raw)
            hunk.append(raw[1:].decode("utf-8", "replace").rstrip().replace("\t", "    "))
    log.kill()
