import { defineConfig } from 'vitest/config';

// For one test; dowser itself, which other tests start, refuses variables that it does not know.
if (process.env.DOWSER_JINA_DIR) process.env.JINA_DIR = process.env.DOWSER_JINA_DIR;
delete process.env.DOWSER_JINA_DIR;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/clients/**', '**/node_modules/**'],
    pool: 'forks',
    // Process tests wait for real events; a bound this generous is met by a stuck product only.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
