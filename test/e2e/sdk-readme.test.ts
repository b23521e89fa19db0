import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, it } from "vitest"
import { cleanEnvironment, nodeFlags, startRealServer, type RealServer } from "../support/real-server.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const deadlineMs = 50_000

let server: RealServer
let folder: string
beforeAll(async () => {
  server = await startRealServer({ flags: ["--simulate", "1x2xH100", "--stop-grace", "1"] })
  folder = mkdtempSync(join(tmpdir(), "berth-sdk-readme-"))
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
  mkdirSync(join(folder, "src"))
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), include: ["src/*.ts"] }),
  )
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server?.close()
})

/** The examples are one program, in the order of the text. */
function writeProgram(): string {
  const text = readFileSync(join(root, "packages/sdk/README.md"), "utf8")
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
  const program = join(folder, "src/readme.ts")
  writeFileSync(program, blocks.join("\n"))
  return program
}

it("the examples of the SDK's README have the types they seem to have", async () => {
  writeProgram()
  const { stdout } = await promisify(execFile)(
    join(root, "node_modules/.bin/tsc"),
    ["-p", join(folder, "tsconfig.json")],
    {
      timeout: deadlineMs,
      env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"]}` },
    },
  ).catch(({ stdout = "no output", message }: { readonly stdout?: string; readonly message: string }) => ({
    stdout: stdout || message,
  }))
  expect(stdout).toBe("")
})

it("the examples of the SDK's README do what they say", async () => {
  const env = {
    ...cleanEnvironment(folder),
    BERTH_SERVER: server.url,
    BERTH_TOKEN: server.token,
  }
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeFlags, writeProgram()], {
    timeout: deadlineMs,
    env,
  })
  expect(stdout.trimEnd().split("\n")).toEqual([
    "I am owner",
    "hello",
    "world",
    "ended with 0 (succeeded)",
    expect.stringMatching(/^now: It would start at once on \S+/),
    expect.stringMatching(/^queued: No node has GPUs of the model A100: there is NVIDIA-H100/),
    "0 Ray clusters",
    "the secret has token",
    expect.stringMatching(/^\d+ nodes with \d+ free GPUs$/),
    "1 of 1",
    "404 Primus.01001: Workload not-there not found.",
    "Error: never mind",
  ])
})
