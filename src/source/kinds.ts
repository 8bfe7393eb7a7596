/** Says what a file is for: tests, docs, config, or code. */
import type { Kind } from '../types.ts';

/** Folders of tests and of what tests use, in lower case. */
const TEST_FOLDERS = new Set([
  ...['test', 'tests', 'testing', '__tests__', 'spec', 'specs', '__specs__', 'e2e', 'cypress', 'unittest', 'unittests'],
  ...['testdata', 'test-data', 'test_data', 'fixture', 'fixtures', '__fixtures__', '__mocks__', '__snapshots__'],
  ...['androidtest', 'integrationtest', 'integrationtests', 'integration-tests', 'integration_tests'],
]);
/** Folders such as `Store.Tests` (.NET) and `StoreTests` (Swift). */
const TEST_FOLDER_END = /(\.(Unit|Integration|Functional)?Tests?|[a-z0-9]Tests)$/;
const TEST_NAMES: readonly RegExp[] = [
  /^(test|spec)_.+\.\w+$/, // Python, C, Ruby
  /.[._-](test|tests|unittest|spec|e2e|cy)\.\w+$/, // Go, JavaScript, Ruby, C++, Elixir
  /^(conftest\.py|tests?\.\w+)$/,
  /[a-z0-9](Tests?|TestCase|TestBase|Specs?|Suite|IT)\.(java|kts?|scala|groovy|cs|fs|vb|swift|php|mm?|hs|lua)$/,
  /^Test[A-Z]\w*\.(java|kt|scala|cs|php)$/,
];

const DOC_LANGUAGES = new Set(['markdown', 'rst', 'asciidoc', 'org', 'tex']);
/** Documents without an ending that tells, in lower case. */
const DOC_NAME =
  /^(readme|licen[cs]e|copying|copyright|notice|authors|contributors|contributing|changelog|changes|history|news|todo|install|security|maintainers|credits|patents|unlicense)([._-][\w-]+)?$/;
const DOC_END = /\.(txt|text|pod|rdoc|textile|man|[1-8])$/;

const CONFIG_LANGUAGES = new Set([
  ...['json', 'yaml', 'toml', 'ini', 'dotenv', 'ignore', 'xml', 'csv', 'diff'],
  ...['dockerfile', 'makefile', 'cmake', 'meson', 'bazel', 'gradle'],
]);
/** Lists of packages and settings whose language is not one of those, in lower case. */
const CONFIG_NAME =
  /^((requirements|constraints)[\w.-]*\.txt|robots\.txt|manifest\.in|go\.(mod|sum|work)|gemfile|rakefile|podfile|brewfile|vagrantfile|procfile|justfile|codeowners|\.[\w-]+)$/;
const CONFIG_END =
  /\.(conf|cnf|config|lock|lockfile|sln|vcxproj|gradle\.kts|editorconfig|service|desktop|reg|po|pot|map|snap|resx|strings|cabal|gemspec|podspec|nuspec|dat|in|am|ac|rc)$/;
/** Scripts that only set up a tool, such as `vite.config.ts`. */
const CONFIG_SCRIPT = /^(\.?[\w-]+\.config|\.[\w-]+rc|gulpfile|gruntfile)\.[cm]?[jt]s$/;

/** What a file is for, by its place, its name and its language id. */
export function kindOf(path: string, language: string): Kind {
  const folders = path.split('/');
  const name = folders.pop()!;
  const lower = name.toLowerCase();
  const isConfig = CONFIG_NAME.test(lower) || CONFIG_LANGUAGES.has(language) || CONFIG_END.test(lower);
  const isProse = DOC_LANGUAGES.has(language) || DOC_NAME.test(lower);
  // A readme beside tests explains them; a text file among them is what they read.
  if (!isProse && (TEST_NAMES.some((pattern) => pattern.test(name)) || folders.some(isTestFolder))) return 'tests';
  if (isConfig || CONFIG_SCRIPT.test(lower)) return 'config';
  return isProse || DOC_END.test(lower) ? 'docs' : 'code';
}

function isTestFolder(name: string): boolean {
  return TEST_FOLDERS.has(name.toLowerCase()) || TEST_FOLDER_END.test(name);
}
