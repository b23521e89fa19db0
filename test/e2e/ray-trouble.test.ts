import { execFile } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { RayClusterDetail } from "@berth/contract/berth"
import { killQuietly, podProcesses } from "../support/belongings.ts"
import { type RayServer, startRayServer } from "../support/ray-server.ts"
import { pythonWithRay, testRay } from "../support/ray.ts"

/* What goes wrong with real Ray: servers and heads that are killed, ports that are taken, jobs that cannot be. */

const ray = testRay()
const isFull = process.env["CI_FULL"] === "1"
if (ray && !isFull)
  // oxlint-disable-next-line no-console -- what was left out is said
  console.log("left out without CI_FULL=1: a real installation of Ray that is cut off half-way")

const here = "/namespaces/default"
const firstPort = 24_000
const portsPerBlock = 300

interface SeenJob {
  readonly jobStatus?: string
  readonly jobDeploymentStatus?: string
  readonly message?: string
}

/** What every test does with a server that runs Ray. */
function using(on: RayServer, version: string) {
  const { kuberay, eventually, server } = on
  const seen = (name: string) => server.client.berth.rayCluster("default", name)
  return {
    seen,
    async template() {
      const size = { name: "small", namespace: "default", cpu: 1, memory: 2 }
      await kuberay("POST", `${here}/compute_templates`, size)
    },
    async create(name: string) {
      const head = { computeTemplate: "small", rayStartParams: { "dashboard-host": "0.0.0.0" } }
      const clusterSpec = { headGroupSpec: head, workerGroupSpec: [] }
      const cluster = { name, namespace: "default", user: "ada", version, clusterSpec }
      await kuberay("POST", `${here}/clusters`, cluster)
    },
    becomes: (name: string, label: string, isSo: (now: RayClusterDetail) => boolean) =>
      eventually(`${name} ${label}`, async () => {
        const now = await seen(name)
        return isSo(now) ? now : undefined
      }),
    ready: (name: string) =>
      eventually(`${name} is ready`, async () => {
        const now = await seen(name)
        if (now.state === "failed") throw new Error(now.message)
        return now.state === "ready" ? now : undefined
      }),
    /** Runs a job on a cluster that is there. */
    async run(clusterName: string, name: string, entrypoint: string, runtimeEnv = "") {
      const json = {
        name,
        namespace: "default",
        user: "ada",
        entrypoint,
        clusterSelector: { "ray.io/cluster": clusterName },
        ...(runtimeEnv === "" ? {} : { runtimeEnv }),
      }
      await kuberay("POST", `${here}/jobs`, json)
      return {
        log: () => server.client.berth.rayJobLog("default", name),
        becomes: (...statuses: readonly string[]) =>
          eventually(`${name} is ${statuses.join(" or ")}`, async () => {
            const now = await kuberay<SeenJob>("GET", `${here}/jobs/${name}`)
            return statuses.includes(now.jobStatus ?? "") ? now : undefined
          }),
      }
    },
    /** The processes that a head has for as long as it lives. */
    lasting: () =>
      podProcesses(server.dataDir)
        .filter(({ command }) => /\/(gcs_server|raylet) /.test(command))
        .map(({ pid }) => pid)
        .toSorted((a, b) => a - b),
    nothingIsLeft: () =>
      eventually("no process or folder of a Ray node is left", async () => {
        const folders = (await on.tempDirs()).filter((folder) => existsSync(folder))
        const pods = readdirSync(join(server.dataDir, "ray", "pods"))
        return [...podProcesses(server.dataDir), ...folders, ...pods].length === 0 ? true : undefined
      }),
  }
}

describe.runIf(ray !== undefined)("a real Ray cluster", { timeout: 300_000 }, () => {
  let on: RayServer
  let its: ReturnType<typeof using>
  const held = createServer()

  beforeAll(async () => {
    if (!ray) return
    const ports = `${firstPort}-${firstPort + 3 * portsPerBlock - 1}`
    // the dashboard's port of the first block is another program's
    await new Promise<void>((resolve, reject) =>
      held.once("error", reject).listen(firstPort + 1, "127.0.0.1", resolve),
    )
    on = await startRayServer(ray, { flags: ["--local-ray-ports", ports] })
    its = using(on, ray.version)
    await its.template()
    await its.create("one")
    await its.ready("one")
  }, 400_000)
  afterAll(async () => {
    held.close()
    await on?.close()
  })

  it("gets other ports where some are taken, and says so", async () => {
    const { endpoints, events } = await its.seen("one")
    expect(endpoints["dashboard"]).toBe(String(firstPort + portsPerBlock + 1))
    expect(events).toContainEqual(expect.objectContaining({ type: "Warning", reason: "PortInUse" }))
  })

  it("runs its job on while the server is killed and comes back", async () => {
    const gate = join(on.server.home, "gate")
    const job = await its.run("one", "waits", `sh -c 'until [ -e ${gate} ]; do sleep 0.1; done; echo passed'`)
    await job.becomes("RUNNING")
    const before = its.lasting()
    expect(before).toHaveLength(2)
    await on.server.kill9()
    await on.server.restart()
    expect(its.lasting()).toEqual(before)
    await its.ready("one")
    writeFileSync(gate, "")
    expect(await job.becomes("SUCCEEDED", "FAILED")).toMatchObject({ jobStatus: "SUCCEEDED" })
    expect(await job.log()).toContain("passed")
    expect(its.lasting()).toEqual(before)
    expect((await its.seen("one")).headFailures).toBe(0)
  })

  it("takes what Ray's own client hands in through the dashboard's address", async () => {
    if (!ray) return
    const folder = join(on.server.home, "job")
    mkdirSync(folder)
    writeFileSync(join(folder, "hello.py"), "import ray\nray.init()\nprint('hello from', __file__)\n")
    const address = `${on.server.url}/berth/v1/ray/clusters/default/one/dashboard`
    const cli = join(await pythonWithRay(ray), "..", "ray")
    const wanted = ["--submission-id", "by-hand", "--working-dir", folder, "--", "python", "hello.py"]
    // it follows the job's log to its end
    const { stdout } = await promisify(execFile)(cli, ["job", "submit", "--address", address, ...wanted], {
      env: {
        PATH: ray.searchPath,
        HOME: on.server.home,
        RAY_JOB_HEADERS: JSON.stringify({ Authorization: `Bearer ${on.server.token}` }),
      },
      timeout: 120_000,
    })
    expect(stdout).toContain("Job 'by-hand' succeeded")
    expect(stdout).toContain("hello from")
    const { status } = await on.kuberay<{ status: string }>("GET", `${here}/jobsubmissions/one/by-hand`)
    expect(status).toBe("SUCCEEDED")
  })

  it("says of a program that is not there, and of an environment that cannot be, why they failed", async () => {
    const missing = await its.run("one", "missing", "python /nowhere/program.py")
    const unbuilt = await its.run("one", "unbuilt", "true", "pip:\n  - berth-has-no-such-package==0.0.1\n")
    const failed = { jobStatus: "FAILED", jobDeploymentStatus: "Failed" }
    const exit = { ...failed, message: expect.stringContaining("exit code 2") }
    expect(await missing.becomes("FAILED")).toMatchObject(exit)
    expect(await missing.log()).toContain("No such file or directory")
    const environment = { ...failed, message: expect.stringMatching(/runtime_env/i) }
    expect(await unbuilt.becomes("FAILED")).toMatchObject(environment)
  })

  it("begins anew when its head is killed, and says so", async () => {
    for (const name of ["gcs_server", "raylet"]) {
      const victim = podProcesses(on.server.dataDir).find(({ command }) => command.includes(`/${name} `))
      const failures = (await its.seen("one")).headFailures
      const before = its.lasting()
      killQuietly(victim?.pid ?? 0)
      await its.becomes("one", "lost its head", (now) => now.headFailures === failures + 1)
      const { events } = await its.ready("one")
      expect(events).toContainEqual(expect.objectContaining({ type: "Warning", reason: "HeadLost" }))
      expect(its.lasting().some((pid) => before.includes(pid))).toBe(false)
      const job = await its.run("one", `after-${name.replace("_", "-")}`, "true")
      await job.becomes("SUCCEEDED")
    }
  })

  it("leaves no process, port or folder when it is deleted", async () => {
    const { endpoints } = await its.seen("one")
    await on.kuberay("DELETE", `${here}/clusters/one`)
    await its.nothingIsLeft()
    const taken = new Set(listeningPorts())
    expect(Object.values(endpoints).filter((port) => taken.has(Number(port)))).toEqual([])
    expect(on.server.errors()).toEqual([])
  })
})

/** Ports of TCP on which something listens on this machine. */
function listeningPorts(): readonly number[] {
  const listen = "0A"
  const rows = ["tcp", "tcp6"].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, "utf8").split("\n").slice(1),
  )
  return rows.flatMap((row) => {
    const [, local = "", , state] = row.trim().split(/\s+/)
    return state === listen ? [Number.parseInt(local.split(":")[1] ?? "", 16)] : []
  })
}

it.runIf(ray !== undefined && isFull)(
  "a real installation that is cut off half-way is made anew",
  { timeout: 900_000 },
  async () => {
    if (!ray) return
    const on = await startRayServer(ray, { hasRay: false })
    try {
      const its = using(on, ray.version)
      await its.template()
      await its.create("one")
      const runtimes = join(on.server.dataDir, "ray", "runtimes")
      const folder = await on.eventually("it is being installed", async () =>
        existsSync(runtimes) ? readdirSync(runtimes).find((name) => !name.endsWith(".lock")) : undefined,
      )
      const marker = join(runtimes, folder, "berth-runtime.json")
      await on.server.kill9()
      expect(existsSync(marker)).toBe(false)
      await on.server.restart()
      await its.ready("one")
      expect(existsSync(marker)).toBe(true)
      await on.kuberay("DELETE", `${here}/clusters/one`)
      await its.nothingIsLeft()
    } finally {
      await on.close()
    }
  },
)
