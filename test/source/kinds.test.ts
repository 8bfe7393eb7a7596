import { describe, expect, test } from 'vitest';
import { languageOf } from '../../src/languages.ts';
import { kindOf } from '../../src/source/kinds.ts';

const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  tests: [
    'test/source/kinds.ts',
    'pkg/server/handler_test.go',
    'tests/test_api.py',
    'app/test_models.py',
    'conftest.py',
    'src/store.spec.ts',
    'src/__tests__/store.ts',
    'src/test/java/Store.java',
    'app/StoreTest.java',
    'Store.Tests/Helpers.cs',
    'Sources/StoreTests/Helpers.swift',
    'spec/models/user_spec.rb',
    'lib/user_spec.rb',
    'test/fixtures/data.json',
    'testdata/input.txt',
    'absl/strings/cord_test.cc',
    'e2e/login.cy.ts',
  ],
  docs: [
    'README.md',
    'README',
    'LICENSE',
    'LICENSE-MIT',
    'docs/guide.rst',
    'docs/notes.txt',
    'CHANGELOG',
    'tests/README.md',
    'man/dowser.1',
  ],
  config: [
    'package.json',
    'yarn.lock',
    '.github/workflows/ci.yml',
    'Cargo.toml',
    'setup.cfg',
    'Dockerfile',
    'Makefile',
    'CMakeLists.txt',
    'requirements.txt',
    'requirements-dev.txt',
    'go.mod',
    'vite.config.ts',
    '.eslintrc.cjs',
    '.gitignore',
    'build.gradle.kts',
    'pom.xml',
    'Gemfile',
  ],
  code: [
    'src/main.ts',
    'contest/latest.py',
    'src/attest.go',
    'lib/manifest.rb',
    'setup.py',
    'docs/conf.py',
    'bin/run',
    'infra/main.tf',
    'src/Latest.java',
    'src/protest/sign.c',
    'schema.sql',
    'index.html',
    'main.kts',
    'audIT.js',
  ],
};

describe('kindOf', () => {
  for (const [kind, paths] of Object.entries(EXPECTED)) {
    test.each(paths)(`finds that %s is ${kind}`, (path) => {
      expect(kindOf(path, languageOf(path))).toBe(kind);
    });
  }
});
