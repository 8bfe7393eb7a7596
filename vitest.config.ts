import { defineConfig } from 'vitest/config';

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
