/** How the tests run: with a report for CI where it asks for one. */
import { defineConfig } from 'vitest/config';

const reportFile = process.env.EBB_TEST_REPORT;

// biome-ignore lint/style/noDefaultExport: vitest reads its settings from the default export.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real builds and real servers on small machines: generous, since no test measures time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: reportFile ? ['default', 'json'] : ['default'],
    ...(reportFile ? { outputFile: { json: reportFile } } : {}),
  },
});
