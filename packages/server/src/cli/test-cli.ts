import { afterEach } from "vitest"
import { runCli } from "./program.ts"
import { startTestApi, type TestApi, type TestRoutes } from "./test-api.ts"
import { createTestTerminal, type TestTerminal, type TestTerminalOptions } from "./test-terminal.ts"

/** How a command ended, and what it wrote. */
export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly terminal: TestTerminal
}

/** Runs commands against an API that the test makes up; it ends with the test. */
export interface TestCli {
  /** From now on commands are sent there; what was served before has ended. */
  serve(routes: TestRoutes): Promise<TestApi>
  /** Runs `berth` with these words to its end. */
  berth(argv: readonly string[], options?: TestTerminalOptions): Promise<Outcome>
}

/** For a file of tests of commands: call it once, at the top. */
export function useTestCli(): TestCli {
  let api: TestApi | undefined
  async function end(): Promise<void> {
    await api?.close()
    api = undefined
  }
  afterEach(end)
  return {
    async serve(routes) {
      await end()
      return (api = await startTestApi(routes))
    },
    async berth(argv, options = {}) {
      const env = { ...(api ? { BERTH_SERVER: api.url } : {}), ...options.env }
      const terminal = createTestTerminal({ ...options, env })
      const code = await runCli(argv, terminal)
      return { code, out: terminal.stdout(), err: terminal.stderr(), terminal }
    },
  }
}
