import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { isAlive } from "../support/belongings.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"
import { runCli, startCli } from "../support/run-cli.ts"

let server: RealServer
let cwd: string
beforeAll(async () => {
  server = await startRealServer({ flags: ["--simulate", "2x8xH100", "--stop-grace", "1"] })
  cwd = join(server.home, "project")
  mkdirSync(cwd)
})
afterAll(() => server?.close())

const berth = (...args: readonly string[]) => runCli([...args, "--data", server.dataDir], { cwd })
const run = (...args: readonly string[]) => runCli(["run", "--data", server.dataDir, ...args], { cwd })

/** The id that `berth run` says it has submitted. */
const submitted = /Submitted (\S+) to default/

describe.concurrent("berth run", () => {
  it("shows the log, starts where it was typed, and ends with 0", async ({ expect }) => {
    const { code, out, err } = await run("--", "sh", "-c", 'echo "in $(pwd)"; echo "its $1"', "x", "a b")
    expect([code, out]).toEqual([0, `in ${cwd}\nits a b\n`])
    expect(err).toMatch(submitted)
  })

  it("ends with the command's own code", async ({ expect }) => {
    const { code, err } = await run("--", "sh", "-c", "exit 42")
    expect(code).toBe(42)
    expect(err).toMatch(/failed/)
  })

  it("follows every rank of a gang and names those that are not the first", async ({ expect }) => {
    const { code, out } = await run(
      "--gpus",
      "8",
      "--replicas",
      "2",
      "--",
      "sh",
      "-c",
      "echo rank $RANK of $WORLD_SIZE",
    )
    expect(code).toBe(0)
    expect(out.trim().split("\n").toSorted()).toEqual(["[1] rank 1 of 2", "rank 0 of 2"])
  })

  it("shows each attempt of a job that is tried again", async ({ expect }) => {
    const { code, out, err } = await run(
      "--retries",
      "1",
      "--",
      "sh",
      "-c",
      'echo "try $DISPATCH_COUNT"; exit 9',
    )
    expect([code, out]).toEqual([9, "try 1\ntry 2\n"])
    expect(err).toMatch(/attempt 2 of/)
  })

  it("ends with 124 when the time is over, 143 when it is stopped", async ({ expect }) => {
    expect((await run("--timeout", "1", "--", "sleep", "300")).code).toBe(124)
    const stopped = startCli(["run", "--data", server.dataDir, "--", "sh", "-c", "echo up; exec sleep 300"], {
      cwd,
    })
    await stopped.untilWritten(/^up$/m)
    const [, id = ""] = await stopped.untilWritten(submitted)
    expect((await berth("stop", id)).code).toBe(0)
    expect(await stopped.ended()).toBe(143)
  })

  it("detaches on Ctrl-C: the workload goes on and can be come back to", async ({ expect }) => {
    const go = join(server.home, `go-${process.pid}`)
    const script = `echo begun; until [ -e '${go}' ]; do sleep 0.02; done; echo finished; exit 3`
    const attached = startCli(["run", "--data", server.dataDir, "--", "sh", "-c", script], { cwd })
    await attached.untilWritten(/^begun$/m)
    const [, id = ""] = await attached.untilWritten(submitted)
    attached.child.kill("SIGINT")
    expect(await attached.ended()).toBe(130)
    expect(attached.err()).toContain(`berth logs -f ${id}`)
    expect((await server.workload(id)).phase).toBe("Running")
    const back = startCli(["logs", "-f", id, "--data", server.dataDir], { cwd })
    await back.untilWritten(/^begun$/m)
    writeFileSync(go, "")
    expect(await back.ended()).toBe(3)
    expect(back.out()).toBe("begun\nfinished\n")
  })

  it("prints the id alone with --detach, and its log can be read afterwards", async ({ expect }) => {
    const { code, out } = await run("--detach", "--name", "quick", "--", "sh", "-c", "echo one; echo two")
    expect(code).toBe(0)
    const id = out.trim()
    expect(id).toMatch(/^quick-/)
    await server.phase(id, "Succeeded")
    expect((await berth("logs", id)).out).toBe("one\ntwo\n")
    expect((await berth("logs", "--tail", "1", id)).out).toBe("two\n")
  })

  it("says what is wrong with a command line, and tries nothing", async ({ expect }) => {
    for (const args of [[], ["--gpus", "some", "--", "true"], ["-e", "1BAD", "--", "true"]]) {
      const { code, err } = await run(...args)
      expect([args, code]).toEqual([args, 2])
      expect(err).not.toMatch(/^\s+at /m)
    }
    const tooMuch = await run("--gpus", "9", "--", "true")
    expect(tooMuch.code).toBe(1)
    expect(tooMuch.err).toMatch(/gpu/i)
  })
})

describe("the other commands", () => {
  it("say why something waits, in a table and as JSON", async () => {
    const held = await server.create({
      script: "exec sleep 300",
      resource: { replica: 2, cpu: "1", gpu: "8", memory: "1Gi" },
    })
    await server.phase(held, "Running")
    const { out } = await run("--detach", "--gpus", "1", "--", "true")
    const id = out.trim()
    const why = await server.until(async () => {
      const { code, out } = await berth("why", id)
      return code === 0 && /gpu/i.test(out) ? out : undefined
    }, "it says why it waits")
    expect(why).toContain(id)
    const listed = await berth("ps", "-o", "json")
    const rows = JSON.parse(listed.out) as unknown
    expect(JSON.stringify(rows)).toContain(id)
    expect((await berth("queue")).out).toContain(id)
    expect((await berth("nodes")).out).toMatch(/sim-h100-0/)
    await server.client.workloads.stopMany([held, id])
    await podsGone(server)
  })

  it("end with 3 where there is no server, with a sentence", async () => {
    const { code, err } = await runCli(["ps", "--data", join(server.home, "none")], { cwd })
    expect(code).toBe(3)
    expect(err).toMatch(/berth up/)
  })
})

it("berth down shuts the server down and leaves pods; down --pods ends them", async () => {
  const id = await server.create({ script: "echo $$; exec sleep 300" })
  const { pods } = await server.phase(id, "Running")
  const pid = Number(
    await server.until(async () => (await server.podLog(id, pods[0]?.podId ?? ""))[0], "its pid"),
  )
  const first = await berth("down")
  expect([first.code, await server.exited()]).toEqual([0, 0])
  expect(first.out + first.err).toMatch(/1 pod/)
  expect(isAlive(pid)).toBe(true)
  expect((await berth("ps")).code).toBe(3)
  await server.restart()
  expect((await berth("down", "--pods")).code).toBe(0)
  expect(await server.exited()).toBe(0)
  expect(isAlive(pid)).toBe(false)
})
