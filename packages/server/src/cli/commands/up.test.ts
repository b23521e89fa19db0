import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Config } from "../../config.ts"
import { AppError } from "../../kit/errors.ts"
import { createTestTerminal } from "../test-terminal.ts"
import type { LoadServer, ServerHandle } from "./up.ts"
import { up } from "./up.ts"

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "berth-up-"))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A server that only remembers what it was told. */
function fakeServer(change: Partial<ServerHandle> = {}) {
  const started = Promise.withResolvers<Config>()
  const closed = Promise.withResolvers<void>()
  const stops: { pods: boolean }[] = []
  const handle: ServerHandle = {
    url: "http://127.0.0.1:9",
    others: [{ what: "Another API", address: "http://127.0.0.1:10" }],
    ownerKeyFile: join(dir, "owner.key"),
    warnings: [],
    ready: Promise.resolve(),
    podsRunning: () => 0,
    stop(options) {
      stops.push(options)
      closed.resolve()
      return Promise.resolve({ podsLeft: 2 })
    },
    closed: closed.promise,
    ...change,
  }
  const load: LoadServer = () =>
    Promise.resolve({
      startServer(config) {
        started.resolve(config)
        return Promise.resolve(handle)
      },
    })
  return { load, started: started.promise, closed, stops }
}

function failing(error: unknown): LoadServer {
  const startServer = async () => {
    throw error
  }
  return async () => ({ startServer })
}

/** Lets what is ready run. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 20))

describe("berth up", () => {
  it("says where it answers, with a line of curl that works, and warnings beside the results", async () => {
    const terminal = createTestTerminal()
    const server = fakeServer({ warnings: ["not root"] })
    const ended = up(terminal, { data: dir, noAuth: undefined }, server.load)
    await turn()
    terminal.interrupt("SIGTERM")
    expect(await ended).toBe(0)
    expect(terminal.stdout()).toContain("Berth answers at http://127.0.0.1:9")
    expect(terminal.stdout()).toContain("Another API: http://127.0.0.1:10")
    expect(terminal.stdout()).toContain(
      `curl -s -H "Authorization: Bearer $(cat ${dir}/owner.key)" http://127.0.0.1:9/api/v1/workloads`,
    )
    expect(terminal.stderr()).toContain("warning: not root")
  })

  it("leaves pods running when it is told to end, and says how many", async () => {
    const terminal = createTestTerminal()
    const server = fakeServer()
    const ended = up(terminal, { data: dir }, server.load)
    await turn()
    terminal.interrupt("SIGTERM")
    expect(await ended).toBe(0)
    expect(server.stops).toEqual([{ pods: false }])
    expect(terminal.stderr()).toContain("2 pods go on")
    expect(terminal.exits).toEqual([])
  })

  it("ends at once on a second signal, with the signal's code", async () => {
    const terminal = createTestTerminal()
    const hanging = Promise.withResolvers<{ podsLeft: number }>()
    const server = fakeServer({ stop: () => hanging.promise })
    const ended = up(terminal, { data: dir }, server.load)
    await turn()
    terminal.interrupt("SIGINT")
    // as it comes when a parent hands on what the terminal sent to both
    terminal.interrupt("SIGINT")
    expect(terminal.exits).toEqual([])
    terminal.advance(1000)
    terminal.interrupt("SIGTERM")
    expect(terminal.exits).toEqual([143])
    hanging.resolve({ podsLeft: 0 })
    server.closed.resolve()
    await ended
  })

  it("is told to end while it starts: it ends as soon as it has", async () => {
    const terminal = createTestTerminal()
    const server = fakeServer()
    const gate = Promise.withResolvers<void>()
    const late: LoadServer = async () => {
      await gate.promise
      return server.load()
    }
    const ended = up(terminal, { data: dir }, late)
    terminal.interrupt()
    gate.resolve()
    expect(await ended).toBe(0)
    expect(server.stops).toEqual([{ pods: false }])
    expect(terminal.stdout()).toBe("")
  })

  it("ends when a request shut it down, with nothing to add", async () => {
    const terminal = createTestTerminal()
    const server = fakeServer()
    const ended = up(terminal, { data: dir }, server.load)
    await server.started
    server.closed.resolve()
    expect(await ended).toBe(0)
    expect(server.stops).toEqual([])
  })

  it.each([
    ["data_dir_locked", 3],
    ["data_dir_unwritable", 4],
    ["newer_database", 4],
    ["corrupt_database", 4],
    ["foreign_data_dir", 4],
    ["address_in_use", 4],
    ["address_unusable", 4],
    ["tls_unreadable", 4],
    ["secret_key_unreadable", 4],
    ["something_new", 4],
  ])("words %s as a sentence, with exit code %d", async (detail, exitCode) => {
    const error = new AppError("unavailable", "It cannot be.", { detail })
    await expect(up(createTestTerminal(), { data: dir }, failing(error))).rejects.toMatchObject({
      name: "CliError",
      message: "It cannot be.",
      exitCode,
    })
  })

  it("stops what it started when the work cannot begin", async () => {
    const ready = Promise.reject(new AppError("unavailable", "Recovery failed.", { detail: "x" }))
    const server = fakeServer({ ready })
    await expect(up(createTestTerminal(), { data: dir }, server.load)).rejects.toThrow("Recovery failed.")
    expect(server.stops).toEqual([{ pods: false }])
  })

  it("does not start with settings that are wrong", async () => {
    const server = fakeServer()
    const file = join(dir, "berth.yaml")
    writeFileSync(file, "nope: 1\n")
    const wrong = up(createTestTerminal(), { config: file, stopGrace: "9999" }, server.load)
    await expect(wrong).rejects.toMatchObject({
      exitCode: 2,
      message: `2 settings are wrong:\n  nope in ${file} is not a setting.\n  --stop-grace must be a whole number from 0 to 600, not "9999".`,
    })
  })
})

describe("berth up --demo", () => {
  it("has a directory of its own that goes with it, two nodes and a quiet log, and stops its pods", async () => {
    const terminal = createTestTerminal()
    const server = fakeServer()
    const ended = up(terminal, { demo: true }, server.load)
    const config = await server.started
    expect(config.simulate.map(({ nodes, gpusPerNode }) => [nodes, gpusPerNode])).toEqual([[2, 8]])
    expect(config.logLevel).toBe("warn")
    expect(config.data.startsWith(tmpdir())).toBe(true)
    expect(existsSync(config.data)).toBe(true)
    await turn()
    terminal.interrupt()
    expect(await ended).toBe(0)
    expect(server.stops).toEqual([{ pods: true }])
    expect(existsSync(config.data)).toBe(false)
  })

  it("keeps a directory that was named, and takes nodes that were declared", async () => {
    const terminal = createTestTerminal()
    const server = fakeServer()
    const ended = up(terminal, { demo: true, data: dir, simulate: ["3x1xT4"] }, server.load)
    const config = await server.started
    expect([config.data, config.simulate.length, config.simulate[0]?.nodes]).toEqual([dir, 1, 3])
    await turn()
    terminal.interrupt()
    await ended
    expect(existsSync(dir)).toBe(true)
  })

  it("stays up when the demo itself fails, and says why", async () => {
    const terminal = createTestTerminal()
    // there is no key file, so the demo cannot call the server
    const server = fakeServer()
    const ended = up(terminal, { demo: true, data: dir }, server.load)
    await server.started
    while (!terminal.stderr().includes("The demo failed")) await turn()
    expect(server.stops).toEqual([])
    terminal.interrupt()
    await ended
  })

  it("removes its directory also when the server cannot start", async () => {
    let data = ""
    const load: LoadServer = () =>
      Promise.resolve({
        startServer(config) {
          data = config.data
          return Promise.reject(new AppError("conflict", "No.", { detail: "address_in_use" }))
        },
      })
    await expect(up(createTestTerminal(), { demo: true }, load)).rejects.toMatchObject({ exitCode: 4 })
    expect([data !== "", existsSync(data)]).toEqual([true, false])
  })

  it("takes another port when the usual one is in use, but never instead of one that was asked for", async () => {
    const holder = createServer()
    // in use already is as good
    holder.once("error", () => undefined)
    holder.listen(8080, "127.0.0.1")
    await turn()
    for (const [flags, port] of [
      [{}, 0],
      [{ listen: "127.0.0.1:8080" }, 8080],
    ] as const) {
      const terminal = createTestTerminal()
      const server = fakeServer()
      const ended = up(terminal, { demo: true, data: dir, ...flags }, server.load)
      expect((await server.started).listen.port).toBe(port)
      await turn()
      terminal.interrupt()
      await ended
    }
    holder.close()
  })
})
