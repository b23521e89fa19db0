import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach } from "vitest"
import { runCli } from "../../packages/server/src/cli/program.ts"
import { createTestTerminal, type TestTerminal } from "../../packages/server/src/cli/test-terminal.ts"
import type { FakeRayJob } from "../../packages/server/src/drivers/fake/fake-ray-job.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

/** How a command ended, and what it wrote. */
export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

interface By {
  /** Default: the owner's. */
  readonly token?: string
  readonly input?: string
}

const patienceMs = 20_000
/** The command's own clock is the real one: the server's runs so much faster, and not faster than it can answer. */
const haste = 10

/** `berth ray` against a server of each test's own, whose time passes while a command runs. */
export interface RayCli {
  readonly server: BerthServer
  /** What jobs do; a head keeps the script that it began with. */
  readonly usual: { readonly job: () => FakeRayJob }
  /** What jobs do from now on. */
  script(program: FakeRayJob): void
  terminal(by?: By): TestTerminal
  /** Runs a command to its end while time passes. */
  berth(argv: readonly string[], by?: By): Promise<Outcome>
  /** The same of one that runs already. */
  ended(terminal: TestTerminal, run: Promise<number>): Promise<Outcome>
  /** Lets time pass until there is something. */
  until<T>(what: () => Promise<T | undefined> | T | undefined, terminal?: TestTerminal): Promise<T>
  /** Makes a cluster that is ready. */
  cluster(name: string): Promise<void>
  /** Puts a file beside the command; its name. */
  written(name: string, text: string): string
}

/** For a file of tests: call it once, at the top. */
export function useRayCli(): RayCli {
  let server: BerthServer
  let folder: string
  let job: FakeRayJob = {}
  const usual = { job: () => job }
  beforeEach(async () => {
    server = await startBerthServer()
    folder = mkdtempSync(join(tmpdir(), "berth-ray-cli-"))
    job = {}
    server.ray.use(usual)
  })
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true })
    await server?.close()
  })

  function terminal({ token = server.token, input = "" }: By = {}): TestTerminal {
    const env = { BERTH_SERVER: server.url, BERTH_TOKEN: token }
    return createTestTerminal({ env, cwd: folder, nowMs: server.clock.nowMs(), input })
  }

  async function ended(on: TestTerminal, run: Promise<number>): Promise<Outcome> {
    let code: number | undefined
    void run.then((given) => (code = given))
    const found = await until(() => code, on)
    return { code: found, out: on.stdout(), err: on.stderr() }
  }

  async function until<T>(what: () => Promise<T | undefined> | T | undefined, on?: TestTerminal): Promise<T> {
    const startedAt = performance.now()
    for (let passedMs = 0; performance.now() - startedAt < patienceMs;) {
      const found = await what()
      if (found !== undefined) return found
      const dueMs = Math.floor((performance.now() - startedAt) * haste)
      await server.clock.advance(dueMs - passedMs)
      on?.advance(dueMs - passedMs)
      passedMs = dueMs
      await new Promise((resolve) => setImmediate(resolve))
    }
    throw new Error("It did not come true.")
  }

  function berth(argv: readonly string[], by: By = {}): Promise<Outcome> {
    const on = terminal(by)
    return ended(on, runCli(argv, on))
  }

  return {
    get server() {
      return server
    },
    usual,
    script: (program) => void (job = program),
    terminal,
    berth,
    ended,
    until,
    async cluster(name) {
      const made = await berth(["ray", "up", name, "--cpu", "2", "--memory", "4Gi"])
      if (made.code !== 0) throw new Error(made.err)
    },
    written(name, text) {
      writeFileSync(join(folder, name), text)
      return name
    },
  }
}

/** What a command wrote for programs. */
export const jsonOf = (outcome: Outcome) => JSON.parse(outcome.out) as never
