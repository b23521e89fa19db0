import { BaseSequencer, type TestSpecification } from "vitest/node"
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config"

type ProjectTests = NonNullable<TestProjectInlineConfiguration["test"]>

/** Begun first, so that none of them is left over at the end; real Ray among them one after the other. */
const longest = [
  "test/e2e/ray-documented-requests.test.ts",
  "test/compat/schemathesis.test.ts",
  "test/faults/crash-applications.test.ts",
  "test/e2e/ray-trouble.test.ts",
  "test/faults/kill.test.ts",
  "test/e2e/ray-services.test.ts",
  "test/e2e/ray-local.test.ts",
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(name))
      return at < 0 ? longest.length : at
    }
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other))
  }
}

const everywhere: ProjectTests = {
  // Real processes and real disks: generous deadlines, none of which a test asserts on.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  pool: "forks",
  execArgv: ["--disable-warning=ExperimentalWarning"],
}

export default defineConfig({
  test: {
    globalSetup: [
      "test/support/postgres-run.ts",
      "test/support/new-database.ts",
      "test/support/ray-home.ts",
      "test/support/compile-cache.ts",
    ],
    // With real Ray and all the rest a third of the time is waiting: for two cores a third worker.
    maxWorkers: process.env["CI_FULL"] === "1" ? 3 : 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...everywhere,
          name: "units",
          include: ["packages/*/src/**/*.test.ts"],
          // To load the same modules for each file anew took as long as the tests; none of them leaves anything behind.
          isolate: false,
        },
      },
      {
        test: { ...everywhere, name: "whole", include: ["test/**/*.test.ts", "bench/**/*.test.ts"] },
      },
    ],
  },
})
