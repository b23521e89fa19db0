import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    // Real processes and real disks: generous deadlines, none of which a test asserts on.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: ["test/support/postgres-run.ts"],
    pool: "forks",
    maxWorkers: 2,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  },
})
