import { execFile, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import type { ApiFamilyName } from "@berth/contract/openapi"
import { isLeftOut } from "../support/machine.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

/*
 * Requests made up from the documents by a program that is not ours. The server is whole but for its driver: a made-up
 * entry point must not become a process.
 */

const run = promisify(execFile)
const version = "4.32.5"
const mostExamples = 10
const installDeadlineMs = 300_000
const runDeadlineMs = 240_000
const stepMs = 50

/** What is not looked at, and why. */
const settings: Readonly<Record<ApiFamilyName, string>> = {
  berth: `
[checks]
# A cursor, a cluster, an instant that has passed: more is needed than a schema can say.
positive_data_acceptance.enabled = false
`,
  workloads: `
[checks]
positive_data_acceptance.enabled = false
# Upstream's rules: null is absent, numbers too large count as the largest.
negative_data_rejection.enabled = false
# A method that a path does not have is a 404 there.
unsupported_method.enabled = false

# Nothing at all where all of a batch went well, which OpenAPI cannot say.
[[operations]]
include-operation-id = ["workloads.stopMany", "workloads.deleteMany"]
checks.content_type_conformance.enabled = false
checks.response_schema_conformance.enabled = false
`,
  egs: `
[checks]
positive_data_acceptance.enabled = false
# Null and "" of what is optional are absent, numbers and booleans may be text.
negative_data_rejection.enabled = false
# A method that a path does not have is a 404 there.
unsupported_method.enabled = false
`,
  kuberay: `
[checks]
positive_data_acceptance.enabled = false
# What is zero or empty is left out, and so may be sent; text that is a number is one.
negative_data_rejection.enabled = false
# A method that a path does not have is a 501 there.
unsupported_method.enabled = false
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 501]
`,
  services: `
[checks]
# A project, a page, a state in a status: more is needed than a schema can say.
positive_data_acceptance.enabled = false
# Members and parameters that are not known are ignored, booleans have many words.
negative_data_rejection.enabled = false
`,
}

// Two minutes, and a program from a registry: not for every run.
const isSkipped = isLeftOut(false, "made-up requests by schemathesis", "CI_FULL=1 is not set")

/** Operations that can end the key which the requests come with: they are tried apart. */
const deadly = ["revokeKey", "updateUser", "egs.deleteApiKey"]
const runs: readonly (readonly [title: string, family: ApiFamilyName, chosen: string])[] = [
  ["workloads", "workloads", ""],
  ["egs", "egs", "exclude"],
  ["egs, keys", "egs", "include"],
  ["kuberay", "kuberay", ""],
  ["services", "services", ""],
  ["berth", "berth", "exclude"],
  ["berth, keys and users", "berth", "include"],
]

describe.skipIf(isSkipped)("made-up requests", () => {
  let server: BerthServer
  let program: string | undefined
  let folder: string
  let steps: NodeJS.Timeout
  beforeAll(async () => {
    program = await install().catch((error: unknown) => {
      const [reason = ""] = String(error).split("\n")
      // A program of a foreign registry: that it cannot be had says nothing about this server.
      // oxlint-disable-next-line no-console -- whoever reads the run has to know
      console.warn(`left out: made-up requests, because schemathesis could not be installed: ${reason}`)
      return undefined
    })
  }, 2 * installDeadlineMs)
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-schemathesis-"))
    server = await startBerthServer()
    // What is submitted gets on while requests come.
    steps = setInterval(() => void server.clock.advance(stepMs), stepMs)
  })
  afterEach(async () => {
    clearInterval(steps)
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it.for(runs)(
    "get from %s only what its document says",
    { timeout: runDeadlineMs },
    async ([, family, chosen], { skip }) => {
      if (program === undefined) return skip("schemathesis could not be installed")
      const config = join(folder, "schemathesis.toml")
      writeFileSync(config, settings[family])
      const operations = chosen === "" ? [] : deadly.flatMap((id) => [`--${chosen}-operation-id`, id])
      const { stdout, code } = await schemathesis(program, config, family, operations)
      expect(code, stdout).toBe(0)
      // Else what came later was all 401.
      if (chosen !== "include") expect((await server.call("GET", "/berth/v1/me")).status).toBe(200)
    },
  )

  async function schemathesis(
    program: string,
    config: string,
    family: ApiFamilyName,
    operations: readonly string[],
  ) {
    const document = `${server.url}/berth/v1/openapi/${family}.json`
    const fixed = "--phases examples,coverage,fuzzing --seed 1 --continue-on-failure --warnings off".split(
      " ",
    )
    const args = ["--config-file", config, "run", document, "--max-examples", String(mostExamples), ...fixed]
    const header = ["--header", `Authorization: Bearer ${server.token}`]
    const limits = { cwd: folder, timeout: runDeadlineMs, killSignal: "SIGKILL", maxBuffer: 2 ** 26 } as const
    try {
      return { stdout: (await run(program, [...args, ...operations, ...header], limits)).stdout, code: 0 }
    } catch (error) {
      const { stdout = "", code } = error as { readonly stdout?: string; readonly code?: number | string }
      return { stdout: stdout || String(error), code }
    }
  }
})

/** The program's path: the one that is installed, else one of its own, kept between runs. */
async function install(): Promise<string> {
  if (spawnSync("schemathesis", ["--version"]).status === 0) return "schemathesis"
  const home = fileURLToPath(new URL(`../../node_modules/.cache/schemathesis-${version}`, import.meta.url))
  const program = join(home, "bin/schemathesis")
  if (existsSync(program)) return program
  mkdirSync(home, { recursive: true })
  const limits = { timeout: installDeadlineMs, killSignal: "SIGKILL" } as const
  try {
    await run("python3", ["-m", "venv", home], limits)
    await run(join(home, "bin/pip"), ["install", "--quiet", `schemathesis==${version}`], limits)
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    throw error
  }
  return program
}
