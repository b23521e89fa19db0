import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test, vi } from "vitest"
import { killQuietly } from "../../../../../../test/support/belongings.ts"
import { systemClock } from "../../../kit/clock.ts"
import { runCommand } from "./command.ts"

const options = { clock: systemClock, env: { PATH: "/usr/bin:/bin" }, deadlineMs: 60_000 }
const never = new AbortController().signal
const isThere = (pid: number) => existsSync(`/proc/${pid}`)
const gone = (pid: number) => vi.waitUntil(() => !isThere(pid), { timeout: 40_000, interval: 20 })

test("a command tells how it ended and what it wrote, and reads nothing", async () => {
  const command = ["/bin/sh", "-c", 'cat; echo "$1 $HOME"; echo bad >&2; exit 3', "sh", "a b"]
  expect(await runCommand(command, { ...options, env: { ...options.env, HOME: "/h" } }, never)).toEqual({
    exitCode: 3,
    output: "a b /h\nbad\n",
    isLate: false,
  })
  expect((await runCommand(["/nowhere/program"], options, never)).exitCode).not.toBe(0)
})

test("a command is killed at its deadline and by the signal, with what it started", async () => {
  const started = ["/bin/sh", "-c", "sleep 300 & echo $!; wait"]
  const late = await runCommand(started, { ...options, deadlineMs: 200 }, never)
  expect(late).toMatchObject({ exitCode: null, isLate: true })
  await gone(Number(late.output))
  const abort = new AbortController()
  const aborted = runCommand(started, options, abort.signal)
  abort.abort(new Error("enough"))
  await expect(aborted).rejects.toThrow("enough")
})

test("a command ends with the server that runs it, however that ends", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-command-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const note = join(folder, "pid")
  const program = `
    import { runCommand } from ${JSON.stringify(new URL("./command.ts", import.meta.url).href)}
    const clock = { alarm: () => () => undefined }
    const command = ["/bin/sh", "-c", "sleep 300 & echo $! >'${note}.new'; mv '${note}.new' '${note}'; wait"]
    const options = { clock, env: { PATH: "/usr/bin:/bin" }, deadlineMs: 60_000 }
    await runCommand(command, options, new AbortController().signal)`
  const server = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" })
  await vi.waitUntil(() => existsSync(note), { timeout: 40_000, interval: 20 })
  const pid = Number(readFileSync(note, "utf8"))
  onTestFinished(() => killQuietly(pid))
  expect(isThere(pid)).toBe(true)
  server.kill("SIGKILL")
  await once(server, "exit")
  await gone(pid)
})
