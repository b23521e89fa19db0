import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openPodGroups } from "../../packages/server/src/drivers/local/pod-groups.ts"
import { isAlive } from "../support/belongings.ts"
import { nodeProgram } from "../support/programs.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"

let server: RealServer
beforeAll(async () => {
  server = await startRealServer({ flags: ["--stop-grace", "1", "--local-log-flood-mib", "4"] })
})
afterAll(() => server?.close())

const size = (memory: string) => ({ replica: 1, cpu: "10m", memory })

async function ended(id: string, phase = "Failed") {
  const workload = await server.phase(id, phase)
  const [pod] = workload.pods
  if (!pod) throw new Error(`${id} has no pod.`)
  return { workload, pod, container: pod.containers[0], lines: await server.podLog(id, pod.podId) }
}

describe.concurrent("a command that", () => {
  it("does not exist fails with 127 and says so in its log", async ({ expect }) => {
    const id = await server.create({ script: "/no/such/program --please" })
    const { container, lines } = await ended(id)
    expect(container?.exitCode).toBe(127)
    expect(lines.join("\n")).toMatch(/no\/such\/program.*not found/)
  })

  it("has an interpreter that does not exist fails", async ({ expect }) => {
    const id = await server.create({ script: "#!/no/such/interpreter\nprint('hello')" })
    const { container } = await ended(id)
    expect([126, 127]).toContain(container?.exitCode)
    expect(container?.message).not.toBe("")
  })

  it("exits at once has run", async ({ expect }) => {
    const { workload } = await ended(await server.create({ script: ":" }), "Succeeded")
    expect(workload).toMatchObject({ dispatchCount: 1, runtime: expect.stringMatching(/^\d+s$/) })
    expect(workload.startTime).not.toBe("")
  })

  it("ends by a signal fails with 128 and the signal", async ({ expect }) => {
    expect((await ended(await server.create({ script: "kill -SEGV $$" }))).container?.exitCode).toBe(139)
  })

  it("forks twice and exits leaves nothing behind", async ({ expect }) => {
    const file = join(server.home, "forked")
    // without control groups only its mark tells whose it is
    const unmark = openPodGroups(server.dataDir) === undefined ? "" : "env -i"
    const id = await server.create({
      script: `(setsid sh -c 'echo $$ >${file}; trap "" TERM HUP; exec ${unmark} sleep 300' &) & wait
until [ -s ${file} ]; do sleep 0.01; done`,
    })
    await ended(id, "Succeeded")
    const pid = Number(readFileSync(file, "utf8"))
    expect(pid).toBeGreaterThan(1)
    await server.until(() => (isAlive(pid) ? undefined : true), "the forked process is ended")
  })

  it("ignores SIGTERM is killed after the grace", async ({ expect }) => {
    const id = await server.create({ script: "trap '' TERM; echo ready; sleep 300; sleep 300" })
    const { pods } = await server.phase(id, "Running")
    const podId = pods[0]?.podId ?? ""
    await server.until(async () => (await server.podLog(id, podId))[0], "it ignores")
    await server.client.workloads.stop(id)
    expect((await server.workload(id)).phase).toBe("Stopped")
    const gone = await server.until(async () => {
      const seen = await server.workload(id)
      return seen.pods[0]?.containers[0] ? seen : undefined
    }, "its pod has ended")
    expect(gone.pods[0]?.containers[0]?.exitCode).toBe(137)
  })

  it("floods its log is stopped and says why, and the next one runs", async ({ expect }) => {
    const id = await server.create({ script: "exec yes this line is written over and over again" })
    const { container, workload } = await ended(id)
    expect(container?.reason).toBe("LogFlood")
    expect(workload.dispatchCount).toBe(1)
    await ended(await server.create({ script: "true" }), "Succeeded")
  })

  it("eats more memory than it asked for is ended and told how much", async ({ expect }) => {
    const script = nodeProgram(`const kept = []
setInterval(() => kept.push(Buffer.alloc(16 * 1024 * 1024, kept.length)), 20)`)
    const { container } = await ended(await server.create({ script, resource: size("64Mi") }))
    expect(container).toMatchObject({ reason: "OOMKilled", exitCode: 137 })
    expect(container?.message).toMatch(/asked for 0\.06 GiB/)
  })

  it("has a big environment gets all of it", async ({ expect }) => {
    const env = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`BIG_${n}`, "v".repeat(10_000 + n)]))
    const id = await server.create({ script: "echo ${#BIG_0} ${#BIG_59}; env | wc -c", env })
    const { lines } = await ended(id, "Succeeded")
    expect(lines[0]).toBe("10000 10059")
    expect(Number(lines[1])).toBeGreaterThan(600_000)
  })

  it("writes without a newline, with control characters and with broken UTF-8 is shown", async ({
    expect,
  }) => {
    const script = String.raw`printf 'a\033[31mred\033[0m\n\377\376 broken\nno end'`
    const { lines } = await ended(await server.create({ script }), "Succeeded")
    expect(lines[0]).toBe("a\u001b[31mred\u001b[0m")
    expect(lines[1]).toBe("\ufffd\ufffd broken")
    expect(lines[2]).toBe("no end")
  })
})

describe("a request that asks too much", () => {
  it.each([
    ["one value over 128 KiB", { BIG: "x".repeat(128 * 1024 + 1) }],
    [
      "an environment over 1 MiB",
      Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`B${n}`, "x".repeat(100_000)])),
    ],
  ])("is refused for %s", async (_, env) => {
    await expect(server.create({ env })).rejects.toThrow(/refused: 400/)
  })

  it("is refused for a body over 2 MiB", async () => {
    await expect(server.create({ description: "x".repeat(2 * 1024 * 1024) })).rejects.toThrow(/refused: 413/)
  })
})

it("leaves a server that answers and no process", async () => {
  await podsGone(server)
  expect((await server.call("GET", "/readyz")).status).toBe(200)
  const nodes = await server.nodes()
  expect(nodes.map((node) => node.holders)).toEqual(nodes.map(() => []))
  expect(server.errors()).toEqual([])
})
