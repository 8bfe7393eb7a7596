"""File endings and one regular expression a language for definitions (the last group that took part is the name)."""
import re

LANGUAGE = {extension: language for language, extensions in {
    "bash": "sh bash zsh", "c": "c h", "cpp": "cc cpp cxx hpp hh", "csharp": "cs", "elixir": "ex exs", "go": "go",
    "haskell": "hs", "java": "java", "javascript": "js jsx mjs cjs", "kotlin": "kt kts", "lua": "lua", "php": "php",
    "python": "py", "ruby": "rb", "rust": "rs", "scala": "scala", "swift": "swift", "typescript": "ts tsx mts",
    "zig": "zig"}.items() for extension in extensions.split()}

_WORD = r"(?!(?:return|else|if|for|while|switch|case|new|throw|using|catch|await|yield|delete|sizeof|do)\b)"
_JAVA = r"(?:(?:public|private|protected|internal|static|final|abstract|default|synchronized|native|sealed|virtual|" \
        r"override|async|readonly|partial|unsafe|extern|const)\s+)*"
_KOTLIN = r"(?:(?:public|private|protected|internal|open|abstract|final|sealed|data|inline|suspend|override|operator|" \
          r"infix|tailrec|external|actual|expect|implicit|lazy|case|inner|enum|annotation|value|companion|fileprivate|" \
          r"static|class|mutating|nonmutating|convenience|required|indirect|dynamic|package|@\w+)\s+)*"
_JS = r"^ *(?:export +)?(?:default +)?(?:declare +)?(?:abstract +)?(?:async +)?(?:function\*?|class|interface|enum|type) +" \
      r"(\w+)|^ *(?:export +)?(?:const|let|var) +(\w+)[^=\n]*= *(?:async *)?(?:function|\(|\w+ *=>|<)|" \
      r"^ +(?:(?:public|private|protected|static|async|readonly|override|get|set) +)*" + _WORD + \
      r"(\w+)(?:<[^>\n]*>)?\([^;\n]*\{$|^ *[\w.]+\.(\w+) *= *(?:async *)?function"
_C = r"^ *(?:class|struct|enum|union)(?: class)? +(?:\w+ +)?(\w+)[^;\n]*$|" \
     r"^ {0,4}" + _WORD + r"[A-Za-z_][\w:<>,*&]*(?: +" + _WORD + r"[\w:<>,*&]+){0,5}[ *&]+(?:\w+::)*(~?\w+) ?\([^\n]*$"

DEFINITION = {language: re.compile(pattern, re.M) for language, pattern in {
    "bash": r"^ *(?:function +)?([\w:.-]+) *\(\)|^ *function +([\w:.-]+)",
    "c": _C, "cpp": _C,
    "csharp": r"^ *" + _JAVA + r"(?:class|interface|enum|struct|record|delegate)\s+(\w+)|"
              r"^ +" + _JAVA + _WORD + r"[\w<>\[\],.?]+ +" + _WORD + r"(\w+) *(?:<[^>\n]*>)?(?:\([^;\n]*$|\{ *get|$)",
    "elixir": r"^ *(?:def|defp|defmacro|defmodule|defmacrop) +([\w.]+[?!]?)",
    "go": r"^func +(?:\([^)\n]*\) *)?(\w+)|^type +(\w+)",
    "haskell": r"^([a-z_][\w']*)\s*::|^(?:data|newtype|class|type) +(?:[^=\n]*=> *)?(\w+)",
    "java": r"^ *" + _JAVA + r"(?:class|interface|enum|record|@interface)\s+(\w+)|"
            r"^ +" + _JAVA + r"(?:<[^>\n]+> +)?" + _WORD + r"[\w<>\[\],.?]+ +" + _WORD + r"(\w+) *\([^;\n]*$",
    "javascript": _JS, "typescript": _JS,
    "kotlin": r"^ *" + _KOTLIN + r"(?:fun +(?:<[^>\n]+> *)?(?:[\w.<>?*]+\.)?|class +|interface +|object +|typealias +)(\w+)",
    "lua": r"^ *(?:local +)?function +([\w.:]+)|^ *(?:local +)?([\w.]+) *= *function",
    "php": r"^ *(?:(?:public|private|protected|static|final|abstract|readonly) +)*(?:function|class|interface|trait|enum) +&?(\w+)",
    "python": r"^ *(?:async +)?(?:def|class) +(\w+)",
    "ruby": r"^ *(?:def +(?:self\.)?|class +|module +)([\w:]+[?!=]?)",
    "rust": r"^ *(?:pub(?:\([^)\n]*\))? +)?(?:default +|const +|async +|unsafe +|extern +\"C\" +)*"
            r"(?:fn|struct|enum|trait|macro_rules!|mod|type|union) +(\w+)",
    "scala": r"^ *" + _KOTLIN + r"(?:def|class|trait|object) +(\w+)",
    "swift": r"^ *" + _KOTLIN + r"(?:func|class|struct|enum|protocol|extension|actor|var) +(\w+)|^ *" + _KOTLIN + r"(init)\b",
    "zig": r"^ *(?:pub +)?(?:export +|inline +|extern +)*fn +(\w+)|"
           r"^ *(?:pub +)?const +(\w+) *= *(?:packed |extern )?(?:struct|enum|union)"}.items()}

_IT = r"^ *(?:it|test|specify|context|describe|should|scenario)[ (]+[\"'`]([^\"'`\n]{15,120})[\"'`]"
TEST = {language: re.compile(pattern, re.M) for language, pattern in {
    "javascript": _IT, "typescript": _IT, "ruby": _IT, "elixir": _IT, "lua": _IT, "scala": _IT,
    "zig": r"^test \"([^\"\n]{12,120})\"", "kotlin": r"^ *fun `([^`\n]{12,120})`",
    "bash": r"^@test \"([^\"\n]{12,120})\"", "cpp": r"^ *(?:TEST_CASE|SECTION)\( *\"([^\"\n]{12,120})\""}.items()}
