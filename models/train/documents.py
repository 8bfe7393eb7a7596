"""Pairs that the documentation of a repository holds (Markdown, reStructuredText, AsciiDoc): section and fence."""
import collections
import posixpath
import re

from definitions import prose, split_name
from languages import LANGUAGE
from snapshot import CODE_CHARS, TEST_PATH

QUERY_CHARS = 400
FENCE_LINES = 3          # an example shorter than this shows little
SECTION_LINES = 3        # line breaks in a definition that a section is about; a shorter one is a stub
SHORT_WORDS = 8          # a sentence shorter than this is read together with its heading
SECTIONS_OF_ONE = 3      # sections that may lead to the same definition
FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*(.*)$")
ASCIIDOC_FENCE = re.compile(r"^(-{4,}|\.{4,})$")
DIRECTIVE = re.compile(r"^(\s*)\.\. (?:code-block|code|sourcecode|highlight|testcode|literalinclude)::\s*(\S*)")
HEADING = re.compile(r"^(?:#{1,6}|={1,6})\s+(.+?)\s*#*$")
UNDERLINE = re.compile(r"^([=\-~^\"'+*#`.])\1{2,}\s*$")
SKIPPED = re.compile(r"^\s*(\||<|\[!\[|!\[|\.\. |:\w+:|\[[\w,=#\"% .-]+\]$|\[.*\]:|\.\w|import |export |//|:{3})")
CODE_SPAN = re.compile(r"(?::\w+(?::\w+)*:)?`{1,2}~?([^`\n]+?)`{1,2}")
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)[^)]*\)")
ROLE = re.compile(r":(?:\w+:)*(\w+):`[~!@]*([^`<]+?)\s*(?:<[^`>]*>)?`")
API_ROLES = {"func", "class", "meth", "attr", "exc", "data", "obj", "mod", "method", "function"}
LEAD_IN = re.compile(r"^for (example|instance), |[,.;]? *(for (example|instance)|e\.?g\.?|as follows|like (this|so)|"
                     r"(do|see|consider) the following|the following|here is an example)[:. ]*$", re.I)
IMPORTS = re.compile(r"\A(?:\s*(?:import|from|using|use|require|open|const \w+ = @import|#include)\b[^\n]*\n)+\s*")
POINTING = re.compile(r"(it|this|that|these|those|they|then|here|to do (this|so|that)|in (this|that) case|and|so|but|now|next|"
                      r"also|instead|alternatively|finally|however)\b", re.I)     # says little without its heading
RELEASES = re.compile(r"v?\d+\.\d|(bug ?fix|change|new feature|improvement|deprecation|fix)(es|s)?$", re.I)
LICENCE_HEAD = re.compile(r"\A(?:\s*(?:/\*[\s\S]*?\*/|(?:(?://|#|--)[^\n]*\n)+))+")
PROMPT = re.compile(r"^\s*(>>>|\.\.\.(?=\s)|(?:iex|irb)\S*>|\.\.\.\(\d+\)>) ?", re.M)
ALIAS = {"javascript": "javascript", "typescript": "typescript", "python": "python", "python3": "python", "pycon": "python",
         "ruby": "ruby", "rust": "rust", "elixir": "elixir", "haskell": "haskell", "kotlin": "kotlin", "csharp": "csharp",
         "c#": "csharp", "c++": "cpp", "golang": "go", "shell": "bash", "node": "javascript"} | \
        {extension: language for extension, language in LANGUAGE.items() if extension != "h"}


def blocks(text):
    """Yield ("heading", text), ("prose", paragraph) and ("fence", (language or "", code lines)) in order."""
    lines, i, paragraph, info = text.split("\n"), 0, [], ""
    if lines[0].strip() == "---":       # front matter
        i = next((k for k in range(1, len(lines)) if lines[k].strip() == "---"), 0) + 1
    def flush():
        joined = " ".join(paragraph)
        paragraph.clear()
        return [("prose", joined)] if joined else []
    while i < len(lines):
        line = lines[i]
        fence, directive = FENCE.match(line), DIRECTIVE.match(line)
        if fence or ASCIIDOC_FENCE.match(line) and (info or line[0] == "."):
            yield from flush()
            closing = fence[1] if fence else line.strip()
            end = next((k for k in range(i + 1, len(lines)) if lines[k].strip().startswith(closing)), len(lines))
            yield "fence", (fence[2] if fence else info, lines[i + 1:end])
            i, info = end + 1, ""
            continue
        if directive or line.rstrip().endswith("::") and not line.startswith(".. "):
            if not directive:
                paragraph.append(line.strip()[:-1])
            yield from flush()
            depth = len(line) - len(line.lstrip())
            end = next((k for k in range(i + 1, len(lines)) if lines[k].strip() and
                        len(lines[k]) - len(lines[k].lstrip()) <= depth), len(lines))
            body = [l for l in lines[i + 1:end] if not re.match(r"\s+:[\w-]+:", l)]
            if end > i + 1:
                yield "fence", (directive[2] if directive else "", body)
            i = max(end, i + 1)
            continue
        heading = HEADING.match(line)
        under = i + 1 < len(lines) and line.strip() and UNDERLINE.match(lines[i + 1]) and not line.startswith(("-", "*", "|", " "))
        if source := re.match(r"\[source[%\w]*,\s*([\w+#]+)", line):
            info = source[1]
        if heading or under:
            yield from flush()
            yield "heading", heading[1] if heading else line.strip()
            i += 1 if heading else 2
            continue
        if not line.strip() or SKIPPED.match(line) or UNDERLINE.match(line) or line.startswith("     "):
            yield from flush()
        else:
            if re.match(r"\s*([-*+]|\d+\.) ", line):
                yield from flush()
            paragraph.append(re.sub(r"^\s*([-*+>]|\d+\.) ", "", line).strip())
        i += 1
    yield from flush()


def plain(text):
    """A paragraph without its markup."""
    text = ROLE.sub(lambda m: m[2].split(".")[-1] if m[1] in API_ROLES else m[2], text)
    text = re.sub(r"<[^<>]{1,200}>`?_*|\{[#:.][^}]*\}|\[\^?\d*\]|\(?https?://\S+", " ", LINK.sub(r"\1", text))
    text = re.sub(r"\[([^\[\]]+)\](\[[^\[\]]*\])?", r"\1", text)
    text = " ".join(re.sub(r"[`*]+|(?<!\w)__?(?=\w)|(?<=\w)__?(?!\w)", "", text).split())
    return LEAD_IN.sub("", text).rstrip(":,; ")


def cut(text):
    return text if len(text) <= QUERY_CHARS else text[:QUERY_CHARS].rsplit(" ", 1)[0]


def identifiers(text):
    """Names in code marks, last part of a qualified name, arguments dropped."""
    for span in CODE_SPAN.findall(text):
        if match := re.fullmatch(r"[@#$.]?((?:[\w\\]+(?:\.|::|#|->|/|\\))*)(\w+[?!]?)(?:/\d)?(?:\(.*\))?(?:<.*>)?", span.strip()):
            yield match[2]


class Index:
    """The definitions and files of a repository that its documentation may name."""

    def __init__(self):
        self.names, self.files, self.languages = collections.defaultdict(dict), {}, collections.Counter()

    def add(self, path, language, text, found):
        self.languages[language] += 1
        if TEST_PATH.search(path):
            return
        head = LICENCE_HEAD.match(text[:CODE_CHARS])
        skipped = head.end() if head and re.search("copyright|licen[sc]e", head[0], re.I) else 0
        self.files[path] = (path, language, text[skipped:skipped + CODE_CHARS])
        for span in found:
            last = re.split(r"[.:]", span.name)[-1]
            known = self.names[last].get(path)
            if span.end - span.start > 1 and (not known or len(span.code) > len(known[2])):
                self.names[last][path] = (path, language, span.code)

    def only(self, name):
        """(path, language, code) of the one definition with a name, or None; a header and its source count as one."""
        places = self.names.get(name, {})
        if not places or len({path.rsplit(".", 1)[0] for path in places}) > 1:
            return None
        return max(places.values(), key=lambda place: len(place[2]))

    def main_language(self):
        """The language of most files, when it is more than half of them, or None."""
        language, count = max(self.languages.items(), key=lambda item: item[1], default=(None, 0))
        return language if 2 * count > sum(self.languages.values()) else None


def about(query, name, code, least):
    """Whether a query and a definition share at least so many words beside the name."""
    own = {word.lower() for word in split_name(name)}
    words = {word for word in re.findall(r"[a-z]{4,}", query.lower())} - own
    return len(words & {word.lower() for part in re.findall(r"[A-Za-z]{4,}", code) for word in split_name(part)}) >= least


def named(heading, paragraphs, path, index):
    """(place, name, in the heading) that a section is about: what its heading names, else what its prose links or names first."""
    bare = re.fullmatch(r"(?:[\w]+(?:\.|::|#))*(\w+[?!]?)(\(.*\))?", heading.strip())
    names = [bare[1]] if bare and (bare[2] or len(split_name(bare[1])) > 1) else []
    for name in [*names, *identifiers(heading)]:
        if len(name) >= 4 and (place := index.only(name)):
            return place, name, True
    for text in paragraphs:
        for _, target in LINK.findall(text):
            target = re.sub(r"^https://github\.com/[^/]+/[^/]+/blob/[^/]+/", "/", target.split("#")[0])
            where = posixpath.normpath(target[1:] if target.startswith("/") else posixpath.join(posixpath.dirname(path), target))
            if where in index.files:
                return index.files[where], posixpath.basename(where), False
        for name in identifiers(text):
            if len(name) >= 6 and len(split_name(name)) > 1 and (place := index.only(name)):
                return place, name, False
    return None


def sections(path, text, index, used):
    """Yield ("section", language, path of the code, heading and first prose, code that the section is about)."""
    heading, paragraphs = "", []
    for kind, value in [*blocks(text), ("heading", "")]:
        if kind == "prose" and len(paragraphs) < 2:
            paragraphs.append(value)
        if kind != "heading":
            continue
        found = named(heading, paragraphs, path, index) if heading and paragraphs and not RELEASES.match(heading) else None
        if found and used[found[0][0], found[1]] < SECTIONS_OF_ONE:
            (place, language, code), name, in_heading = found
            title, body = plain(heading), plain(paragraphs[0])
            if len(body.split()) < SHORT_WORDS and len(paragraphs) > 1:
                body += ". " + plain(paragraphs[1])
            alone = re.sub(r"\(.*\)", "", title).split(".")[-1] == name
            query = cut(body if alone else title + ". " + body)
            clear = (in_heading or name in query or name in posixpath.basename(place)) and about(query, name, code, 1 if in_heading else 3)
            if clear and len(body.split()) >= SHORT_WORDS and code.strip().count("\n") >= SECTION_LINES:
                used[place, name] += 1
                yield "section", language, place, query, code
        heading, paragraphs = value, []


def example(info, lines, index):
    """(language, code) of a fenced example, or None when it is no code of a known language."""
    tag = re.match(r"[{.\s]*([\w+#-]*)", info)[1].lower()
    language = ALIAS.get(tag) if tag else index.main_language()
    lines = [line.rstrip().replace("\t", "    ") for line in lines]
    if any(PROMPT.match(line) for line in lines):
        lines = [PROMPT.sub("", line) for line in lines if PROMPT.match(line)]
    depth = min((len(l) - len(l.lstrip()) for l in lines if l.strip()), default=0)
    code = "\n".join(line[depth:] for line in lines).strip("\n")
    code = IMPORTS.sub("", code)
    full = [line for line in code.split("\n") if line.strip()]
    if not language or len(full) < FENCE_LINES or max(map(len, full)) > 200 or "include::" in code or "$ " in code[:200]:
        return None
    if language == "bash" and index.main_language() != "bash":      # commands that install something
        return None
    if not tag and sum(bool(re.search(r"[(){};=]|\bend\b|\bdo\b", line)) for line in full) < 0.5 * len(full):
        return None
    return language, code[:CODE_CHARS]


def fences(path, text, index):
    """Yield ("fence", language, path, the sentence before an example, the example)."""
    heading, before = "", ""
    for kind, value in blocks(text):
        if kind == "heading":
            heading, before = value, ""
        elif kind == "prose":
            before = value
        elif found := example(*value, index):
            sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z])", plain(before))
            query = sentences[-1]
            if len(query.split()) < SHORT_WORDS and len(sentences) > 1:
                query = sentences[-2] + " " + query
            if len(query.split()) < SHORT_WORDS or POINTING.match(query):
                query = plain(heading) + ". " + query
            before = ""
            if len(query.split()) >= 5:
                yield "fence", found[0], path, cut(query), found[1]
        else:
            before = ""


def documents(files, index):
    """Yield (kind, language, path, query, code) of all documents, given as (path, text)."""
    used = collections.Counter()
    for path, text in files:
        for pair in [*sections(path, text, index, used), *fences(path, text, index)]:
            if prose(pair[3], 5):
                yield pair
