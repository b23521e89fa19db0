import type { ChildProcess } from "node:child_process"
import { execFile, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, it } from "vitest"

const program = fileURLToPath(new URL("../../bin/berth.js", import.meta.url))
const flags = ["--disable-warning=ExperimentalWarning", program]

let dir: string
let child: ChildProcess | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "berth-cli-"))
})
afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child?.once("exit", resolve))
    child.kill("SIGKILL")
    await gone
  }
  child = undefined
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

const environment = () => ({
  PATH: process.env["PATH"] ?? "",
  HOME: dir,
  BERTH_DATA: join(dir, "data"),
  TMPDIR: dir,
})

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** One command as a process of its own. */
function berth(...argv: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const made = execFile(
      process.execPath,
      [...flags, ...argv],
      { env: environment(), cwd: dir },
      (_error, out, err) => resolve({ code: made.exitCode ?? -1, out, err }),
    )
  })
}

/** Starts a command that stays; `until` waits for a text of its output. */
function start(...argv: string[]) {
  const { BERTH_DATA: _unset, ...env } = environment()
  const made = spawn(process.execPath, [...flags, ...argv], {
    env,
    cwd: dir,
    stdio: ["ignore", "pipe", "pipe"],
  })
  child = made
  let output = ""
  const take = (chunk: Buffer) => (output += chunk.toString())
  made.stdout.on("data", take)
  made.stderr.on("data", take)
  const ended = new Promise<number | null>((resolve) => made.once("close", resolve))
  const until = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        if (!output.includes(text)) return
        made.stdout.off("data", look)
        made.stderr.off("data", look)
        resolve(output)
      }
      made.stdout.on("data", look)
      made.stderr.on("data", look)
      void ended.then(() => reject(new Error(`ended without "${text}":\n${output}`)))
      look()
    })
  return { ended, until, kill: (signal: NodeJS.Signals) => made.kill(signal), output: () => output }
}

it("is a program with exit codes: help 0, nonsense 2, no server 3", async () => {
  const [help, nonsense, away] = await Promise.all([berth("--help"), berth("nonsense"), berth("ps")])
  expect(help).toMatchObject({ code: 0, err: "" })
  expect(nonsense).toMatchObject({ code: 2, out: "" })
  expect(away.code).toBe(3)
  expect(away.err).toContain("No Berth server is running here")
})

it("ends quietly when nobody reads its output any more", async () => {
  const made = spawn(process.execPath, [...flags, "up", "--help"], {
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  })
  let err = ""
  made.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()))
  made.stdout.destroy()
  const code = await new Promise((resolve) => made.once("close", resolve))
  expect({ code, err }).toEqual({ code: 0, err: "" })
})

it("shows the whole of it with `up --demo`, and leaves nothing behind after Ctrl-C", async () => {
  const demo = start("up", "--demo", "--listen", "127.0.0.1:0")
  const shown = await demo.until("Ctrl-C here ends it")
  const data = /export BERTH_DATA=(\S+)/.exec(shown)?.[1] ?? ""
  expect(existsSync(data)).toBe(true)
  for (const text of [
    "it waits at position 1: The workspace holds no GPU nodes",
    /GPU request gpr-[0-9a-f]{8}-[0-9a-f]{4} is made: 2 x 8 NVIDIA-H100-80GB-HBM3 for 1h/,
    /it is provisioned: demo has sim-h100-0 and sim-h100-1, until \S+ \S+ UTC \(1h left\)/,
    /it is placed: rank 0 on sim-h100-[01] GPU 0,1,2,3,4,5,6,7; rank 1 on sim-h100-[01] GPU 0,1,2,3,4,5,6,7/,
    "rank 0  RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.",
    "rank 1  RANK=1 WORLD_SIZE=2 MASTER_ADDR=127.",
    "rank 0  step 4/4: all-reduce gives 12 24 36",
    "rank 1  step 4/4: all-reduce gives 12 24 36",
    /two-ranks-\w+ succeeded/,
    /GPU request \S+ is released after \d+s/,
    "npx berth gpus ls -a",
    "npx berth timeline",
  ])
    expect(shown).toMatch(text)
  demo.kill("SIGINT")
  expect(await demo.ended).toBe(0)
  expect(existsSync(data)).toBe(false)
})

it("goes on with `up --demo` in a directory in which the last one was cut short", async () => {
  const data = join(dir, "demo")
  const first = start("up", "--demo", "--listen", "127.0.0.1:0", "--data", data)
  const [, left = ""] = /GPU request (\S+) is made/.exec(await first.until("it is provisioned")) ?? []
  first.kill("SIGKILL")
  await first.ended
  const second = start("up", "--demo", "--listen", "127.0.0.1:0", "--data", data)
  const shown = await second.until("Ctrl-C here ends it")
  expect(shown).toMatch(/it is provisioned: demo has sim-h100-0 and sim-h100-1/)
  expect(shown).toMatch(/two-ranks-\w+ succeeded/)
  expect(left).toMatch(/^gpr-/)
  expect(shown).not.toContain(left)
  second.kill("SIGINT")
  expect(await second.ended).toBe(0)
})

it("runs under the flags of the program's first line when `npm start` starts it", () => {
  const [firstLine = ""] = readFileSync(program, "utf8").split("\n")
  const root = JSON.parse(readFileSync(new URL("../../../../package.json", import.meta.url), "utf8")) as {
    scripts: { start: string }
  }
  const flagsIn = (command: string) => command.split(" ").filter((word) => word.startsWith("--"))
  expect(flagsIn(firstLine)).toContain("--disable-warning=ExperimentalWarning")
  expect(flagsIn(root.scripts.start)).toEqual(flagsIn(firstLine))
})
