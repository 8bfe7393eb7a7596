/** Says what a file is for: tests, docs, config, or code. */
import type { Kind } from '../types.ts';

/** Folders of tests and of what tests use, in lower case. */
const TEST_FOLDERS = new Set([
  ...['test', 'tests', 'testing', '__tests__', 'spec', 'specs', '__specs__', 'e2e', 'cypress', 'unittest', 'unittests'],
  ...[
    'testdata',
    'test-data',
    'test_data',
    'fixture',
    'fixtures',
    '__fixtures__',
    '__mocks__',
    '__snapshots__',
    'androidtest',
  ],
  ...['integrationtest', 'integrationtests', 'integration-tests', 'integration_tests', 'test-utils', 'testutils'],
]);
/** Folders such as `Store.Tests` (.NET) and `StoreTests` (Swift). */
const TEST_FOLDER_ENDS = /(\.(Unit|Integration|Functional)?Tests?|[a-z0-9](Unit|Integration|UI)?Tests)$/;
const TEST_NAMES: readonly RegExp[] = [
  /^(test|spec)_.+\.\w+$/, // Python, C, Ruby
  /.[._-](test|tests|unittest|spec|e2e|cy)\.\w+$/, // Go, JavaScript, Ruby, C++, Elixir
  /^conftest\.py$/,
  /[a-z0-9](Test|Tests|TestCase|TestBase|Spec|Specs|Suite|IT)\.(java|kt|kts|scala|groovy|cs|fs|vb|swift|php|m|mm|hs|lua)$/,
  /^Test[A-Z]\w*\.(java|kt|scala|cs|php)$/,
  /^tests?\.\w+$/,
];

const DOC_ENDS = /\.(md|mdx|mdown|markdown|rst|rest|adoc|asciidoc|asc|org|pod|rdoc|textile|tex|txt|1|3|5|7|8|man)$/;
const DOC_NAMES =
  /^(readme|license|licence|copying|copyright|notice|authors|contributors|contributing|changelog|changes|history|news|todo|install|security|code_of_conduct|maintainers|thanks|credits|patents|unlicense|codeowners)([._-][\w-]+)?$/;

const CONFIG_ENDS =
  /\.(json|json5|jsonc|jsonl|geojson|ipynb|yaml|yml|toml|ini|cfg|conf|config|cnf|properties|plist|xml|xsd|csproj|fsproj|vbproj|vcxproj|props|targets|sln|lock|lockfile|sum|mod|work|gradle|kts|cmake|mk|mak|bazel|bzl|nix|tf|tfvars|hcl|env|editorconfig|service|desktop|reg|csv|tsv|dat|data|map|snap|po|pot|resx|strings|cabal|gemspec|podspec|nuspec|spec|in|am|ac)$/;
const CONFIG_NAMES =
  /^(dockerfile|containerfile|makefile|gnumakefile|cmakelists\.txt|meson\.build|meson_options\.txt|build|workspace|jenkinsfile|vagrantfile|procfile|gemfile|rakefile|podfile|brewfile|justfile|pipfile|requirements[\w.-]*\.txt|constraints[\w.-]*\.txt|manifest\.in|robots\.txt|go\.mod|configure|\.[\w-]+rc|\.git\w+|\.\w+ignore|\.editorconfig|\.env[\w.]*|\.dockerignore)([._-](dev|prod|test|base|ci))?$/;
/** Scripts that only configure a tool, such as `vite.config.ts`. */
const CONFIG_SCRIPT = /(^\.?[\w-]+\.config|^\.[\w-]+rc|^(gulpfile|gruntfile))\.([cm]?[jt]s)$/;

/** Languages that are prose whatever the file's name says. */
const PROSE = new Set(['markdown', 'rst', 'asciidoc']);

/** What a file is for, by its place, name and language id. */
export function kindOf(path: string, language: string): Kind {
  const parts = path.split('/');
  const name = parts.pop()!;
  const lower = name.toLowerCase();
  const isDoc = (PROSE.has(language) || DOC_ENDS.test(lower) || DOC_NAMES.test(lower)) && !CONFIG_NAMES.test(lower);
  if (TEST_NAMES.some((pattern) => pattern.test(name)) && !isDoc) return 'tests';
  const inTests = parts.some((part) => TEST_FOLDERS.has(part.toLowerCase()) || TEST_FOLDER_ENDS.test(part));
  // A readme beside tests explains; a text file among them is what they read.
  if (inTests && !(isDoc && !lower.endsWith('.txt'))) return 'tests';
  if (isDoc) return 'docs';
  if (CONFIG_ENDS.test(lower) || CONFIG_NAMES.test(lower) || CONFIG_SCRIPT.test(lower))
    return lower.endsWith('.kts') && !lower.endsWith('.gradle.kts') ? 'code' : 'config';
  return 'code';
}
