import { execFileSync, spawn } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { AttemptHandle, AttemptLaunch } from "../../domain/workloads/index.ts"
import { launchOf, until, untilGone, untilLogged, wholeLog } from "../driver-world.ts"
import { localPaths, prepareAttempt, type StoredAttempt } from "./attempt-files.ts"
import { createLocalWorld, groupModes, scripted, type LocalWorld } from "./local-test-world.ts"
import { createLogFiles } from "./log-files.ts"
import { spawnWrapper } from "./pod-start.ts"
import { isSameAlive, podMarkOf, readBootId, readProcess, scanProcesses } from "./processes.ts"

const never = new AbortController().signal
const stopped = { cause: "stopped", message: "the user asked" } as const

let world: LocalWorld
beforeEach(() => {
  world = createLocalWorld()
})
afterEach(() => world.close())

/** Replaces the world by one that does, or does not, keep pods in control groups. */
async function withGroups(useGroups: boolean): Promise<void> {
  await world.close()
  world = createLocalWorld({ useGroups, memoryLookMs: 50 })
}

async function start(entryPoint: string, overrides: Partial<AttemptLaunch> = {}, pods = 1) {
  const launch = scripted(world, launchOf(pods, overrides), entryPoint)
  const handle = await world.driver.ensure(launch, never)
  return { launch, handle, podId: launch.pods[0]?.podId ?? "" }
}

/** The processes that carry the attempt's mark. */
async function marked(launch: AttemptLaunch) {
  return (await scanProcesses()).filter((process) => podMarkOf(process.pid)?.attemptId === launch.id)
}

function wrapperPid(launch: AttemptLaunch, index = 0): number {
  const path = join(world.dataDir, "pods", launch.id, String(index), "pid")
  return Number(readFileSync(path, "utf8").split(" ")[1])
}

async function logOf(handle: AttemptHandle, podId: string) {
  return (await world.driver.readLog(handle, podId, wholeLog)).lines
}

describe.each(groupModes)("survivors of a pod (control groups: %s)", (useGroups) => {
  beforeEach(() => withGroups(useGroups))

  it("are ended with the command that left them, wherever they hid", async () => {
    const { launch, handle } = await start(`
      (trap '' TERM HUP; exec sleep 3600) &
      setsid sh -c 'trap "" TERM; sleep 3600 & sleep 3600' &
      (setsid sh -c 'sleep 3600 & exec sleep 3601' &)
      sleep 0.2; exit 7`)
    await until(world, handle, (seen) => seen.pods[0]?.state === "exited")
    const seen = await untilGone(world, handle)
    expect(seen.pods[0]).toMatchObject({ exitCode: 7, cause: null })
    expect(await marked(launch)).toEqual([])
  })

  it("keep the attempt from being gone", async () => {
    const { handle, podId } = await start(
      `trap 'sleep 0.3; echo saved; exit 0' TERM; echo ready; (trap '' TERM; sleep 0.6; echo last) & while :; do wait; done`,
    )
    await untilLogged(world, handle, podId, "ready")
    await world.driver.stop(handle, stopped, 60_000)
    const seen = await until(world, handle, (now) => (now.pods[0]?.state === "exited" ? now : undefined))
    if (seen.isGone) expect(await logOf(handle, podId)).toContain("last")
    await untilGone(world, handle)
    expect(await logOf(handle, podId)).toEqual(["ready", "saved", "last"])
  })

  it("have the whole grace to save their work when the shell above them ends at TERM", async () => {
    const child = `trap "sleep 0.3; echo saved; exit 0" TERM; echo ready; while :; do sleep 0.05; done`
    const { handle, podId } = await start(`sh -c '${child}'; exit 1`)
    await untilLogged(world, handle, podId, "ready")
    await world.driver.stop(handle, stopped, 60_000)
    const seen = await untilGone(world, handle)
    expect(await logOf(handle, podId)).toContain("saved")
    expect(seen.pods[0]).toMatchObject({ state: "exited", cause: "stopped" })
  })

  it("of one pod go without harm to the other pods of the gang", async () => {
    const { launch, handle } = await start(
      `if [ $RANK = 0 ]; then setsid sleep 3600 & sleep 0.1; exit 0; fi; exec sleep 3600`,
      {},
      2,
    )
    await until(world, handle, (seen) => seen.pods[0]?.state === "exited")
    for (let round = 0; round < 500; round++) {
      if ((await marked(launch)).every((process) => podMarkOf(process.pid)?.podIndex === 1)) break
      await world.goOn()
    }
    const left = await marked(launch)
    expect(new Set(left.map((process) => podMarkOf(process.pid)?.podIndex))).toEqual(new Set([1]))
    const seen = await world.driver.inspect(handle)
    expect(seen.pods.map((pod) => pod.state)).toEqual(["exited", "running"])
    await world.driver.stop(handle, stopped, 0)
    await untilGone(world, handle)
    expect(await marked(launch)).toEqual([])
  })
})

describe.each(groupModes)("a killed wrapper (control groups: %s)", (useGroups) => {
  beforeEach(() => withGroups(useGroups))

  it("makes its pod lost, and what it ran is ended", async () => {
    const { launch, handle, podId } = await start(`trap '' TERM; echo ready; sleep 3600; sleep 3600`)
    await untilLogged(world, handle, podId, "ready")
    process.kill(wrapperPid(launch), "SIGKILL")
    const seen = await untilGone(world, handle)
    expect(seen.pods[0]).toMatchObject({ state: "lost", exitCode: 137, cause: "lost" })
    expect(await marked(launch)).toEqual([])
  })

  it("is noticed of a pod that was taken over, though nothing tells", async () => {
    const { launch, handle, podId } = await start(`echo ready; exec sleep 3600`)
    await untilLogged(world, handle, podId, "ready")
    await world.restart()
    await world.driver.recover(launch.id, handle)
    const told: string[] = []
    world.driver.onChange((id) => told.push(id))
    process.kill(wrapperPid(launch), "SIGKILL")
    for (let round = 0; round < 500 && told.length === 0; round++) await world.goOn()
    expect(told).toContain(launch.id)
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ state: "lost", cause: "lost" })
    expect(await marked(launch)).toEqual([])
  })
})

describe("the identity of a process", () => {
  it("is not that of a zombie", async () => {
    // the outer process becomes a sleep, which never collects its child
    const script = "exec 3<&0; sh -c 'read x <&3' & echo $!; exec sleep 60"
    const parent = spawn("/bin/sh", ["-c", script])
    try {
      const [pid] = (await once(parent.stdout, "data")) as [Buffer]
      const zombie = Number(pid.toString())
      for (let round = 0; round < 500; round++) {
        if (readProcess(parent.pid ?? 0)?.name === "sleep") break
        await world.goOn()
      }
      parent.stdin.write("end\n")
      let stat = readProcess(zombie)
      for (let round = 0; round < 500 && stat?.state !== "Z"; round++) {
        await world.goOn()
        stat = readProcess(zombie)
      }
      expect(stat?.state).toBe("Z")
      expect(isSameAlive({ pid: zombie, startTicks: stat?.startTicks ?? 0 })).toBe(false)
    } finally {
      parent.kill("SIGKILL")
    }
  })

  it("is not that of another process which got the same pid", () => {
    const self = readProcess(process.pid)
    expect(self).toBeDefined()
    const startTicks = self?.startTicks ?? 0
    expect(isSameAlive({ pid: process.pid, startTicks })).toBe(true)
    expect(isSameAlive({ pid: process.pid, startTicks: startTicks - 1 })).toBe(false)
  })
})

/** Prepares an attempt as `ensure` does, and starts nothing. */
async function prepareOnly(id: string, entryPoint: string): Promise<StoredAttempt> {
  const stored: StoredAttempt = {
    format: 1,
    attemptId: id,
    workspaceId: "team-a",
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    sharesAccount: true,
    groups: [],
    groupRoot: null,
    masterPort: 29_999,
    pods: [{ podId: "p-master-0", index: 0, podIp: "127.64.9.9", memoryBytes: 0, nice: 1 }],
  }
  const launch = `export BERTH_ATTEMPT=${id} BERTH_POD=0; ${entryPoint}`
  await prepareAttempt(localPaths(world.dataDir), stored, "", [
    { index: 0, launch, firstLines: "", mounts: null, folders: [] },
  ])
  return stored
}

describe("a crash of the server", () => {
  it("between the preparation and the start leaves a pod that waits, and can be started", async () => {
    const launch = launchOf()
    const stored = await prepareOnly(launch.id, "exit 5")
    const handle = await world.driver.recover(launch.id, null)
    expect(handle).toMatchObject({ attemptId: stored.attemptId })
    expect((await world.driver.inspect(handle ?? {})).pods[0]?.state).toBe("waiting")
    await world.driver.ensure(launch, never)
    expect((await untilGone(world, handle ?? {})).pods[0]).toMatchObject({ state: "exited", exitCode: 5 })
  })

  it("between the lock and the pid file leaves a lost pod", async () => {
    const launch = launchOf()
    await prepareOnly(launch.id, "exit 5")
    mkdirSync(join(world.dataDir, "pods", launch.id, "0", "lock"))
    const handle = (await world.driver.recover(launch.id, null)) ?? {}
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ state: "lost", cause: "lost" })
  })

  it("does not lose a pod whose wrapper was caught before its pid file", async () => {
    const launch = launchOf()
    const stored = await prepareOnly(launch.id, "echo up; exec sleep 3600")
    scripted(world, launch, "")
    spawnWrapper(localPaths(world.dataDir), stored, stored.pods[0] ?? neverPod())
    const handle = (await world.driver.recover(launch.id, null)) ?? {}
    await world.driver.ensure(launch, never)
    await untilLogged(world, handle, "p-master-0", "up")
    expect((await world.driver.inspect(handle)).pods[0]?.state).toBe("running")
    await world.driver.stop(handle, stopped, 30_000)
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ exitCode: 143, cause: "stopped" })
  })

  it("and a start of the machine make the pods lost with their node", async () => {
    const { launch, handle } = await start("exec sleep 3600")
    await until(world, handle, () => existsSync(join(world.dataDir, "pods", launch.id, "0", "pid")))
    await world.restart()
    const path = join(world.dataDir, "pods", launch.id, "0", "pid")
    const [, pid, start_] = readFileSync(path, "utf8").split(" ")
    process.kill(Number(pid), "SIGKILL")
    writeFileSync(path, `0b5f2a3c-0000-4000-8000-000000000000 ${pid} ${start_}`)
    await world.driver.recover(launch.id, handle)
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ state: "lost", cause: "node_lost" })
  })

  it("leaves what runs alone: kill -9 of the server, and the next one takes over", async () => {
    const launch = scripted(world, launchOf(2), "echo up; exec sleep 3600")
    await world.driver.close()
    const server = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        fileURLToPath(new URL("./local-test-server.ts", import.meta.url)),
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    )
    try {
      server.stdin.end(JSON.stringify({ dataDir: world.dataDir, launch }))
      const [printed] = (await once(server.stdout, "data")) as [Buffer]
      server.kill("SIGKILL")
      await once(server, "exit")
      await world.restart()
      const handle = JSON.parse(printed.toString()) as AttemptHandle
      expect(await world.driver.recover(launch.id, null)).toEqual(handle)
      for (const pod of launch.pods) await untilLogged(world, handle, pod.podId, "up")
      const seen = await world.driver.inspect(handle)
      expect(seen.pods.map((pod) => pod.state)).toEqual(["running", "running"])
      await world.driver.stop(handle, stopped, 30_000)
      await untilGone(world, handle)
      expect(await marked(launch)).toEqual([])
    } finally {
      server.kill("SIGKILL")
    }
  })
})

function neverPod(): never {
  throw new Error("the attempt has no pod")
}

/** The sockets, pipes and event queues that this process has opened and its parent has not. */
function openLinks(): readonly string[] {
  const linksOf = (pid: number) =>
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch {
        return [] // closed meanwhile
      }
    })
  const inherited = new Set(linksOf(process.ppid))
  return linksOf(process.pid).filter((link) => /^(socket|pipe):/.test(link) && !inherited.has(link))
}

describe("starting", () => {
  it("happens once when two servers start the same pod", async () => {
    const launch = scripted(world, launchOf(), "")
    const stored = await prepareOnly(launch.id, "echo started; exit 3")
    const paths = localPaths(world.dataDir)
    const children = stored.pods.flatMap((pod) => [0, 1, 2, 3].map(() => spawnWrapper(paths, stored, pod)))
    const ends = await Promise.all(children.map((child) => once(child, "exit")))
    expect(ends.map(([code]) => Number(code)).sort((a, b) => a - b)).toEqual([0, 121, 121, 121])
    expect(readFileSync(paths.log(launch.id, 0), "utf8")).toBe("started\n")
  })

  it.each([
    ["never happens", false, "", { exitCode: 143, cause: "stopped" }],
    ["is taken back", true, "up,told", { exitCode: 9, cause: "stopped" }],
  ])("%s when a stop had only been written down as the server ended", async (_, isUp, said, end) => {
    const launch = scripted(world, launchOf(), "")
    const script = "trap 'echo told; exit 9' TERM; echo up; sleep 3600 & wait"
    const stored = await prepareOnly(launch.id, script)
    const paths = localPaths(world.dataDir)
    if (isUp) {
      spawnWrapper(paths, stored, stored.pods[0] ?? neverPod())
      const handle = (await world.driver.recover(launch.id, null)) ?? {}
      await untilLogged(world, handle, "p-master-0", "up")
    }
    const killAtMs = Date.now() + 30_000
    writeFileSync(
      join(paths.attempt(launch.id), "stop.json"),
      JSON.stringify({ ...stopped, graceSeconds: 30, killAtMs, podIndexes: [0] }),
    )
    await world.restart()
    const handle = (await world.driver.recover(launch.id, null)) ?? {}
    await world.driver.stop(handle, stopped, 30_000)
    expect((await untilGone(world, handle)).pods[0]).toMatchObject(end)
    const log = readFileSync(paths.log(launch.id, 0), "utf8")
    expect(log.trim().split("\n").join(",")).toBe(said)
  })

  it("never happens once a stop came first", async () => {
    const launch = scripted(world, launchOf(), "")
    const stored = await prepareOnly(launch.id, "echo started")
    const handle = (await world.driver.recover(launch.id, null)) ?? {}
    await world.driver.stop(handle, stopped, 30_000)
    await world.driver.ensure(launch, never)
    const paths = localPaths(world.dataDir)
    const late = spawnWrapper(paths, stored, stored.pods[0] ?? neverPod())
    await once(late, "exit")
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ exitCode: 143, cause: "stopped" })
    expect(readFileSync(paths.log(launch.id, 0), "utf8")).toBe("")
  })

  it("gives a pod a session, a working folder, no input and no file of the server", async () => {
    const { launch, handle, podId } = await start(
      `pwd; readlink /proc/self/fd/0; cat; for fd in /proc/self/fd/*; do readlink $fd; done; cat /proc/$$/oom_score_adj; exec sleep 3600`,
    )
    const lines = await untilLogged(world, handle, podId, "800")
    const folder = join(world.dataDir, "pods", launch.id, "0")
    expect(lines.slice(0, 2)).toEqual([join(folder, "work"), "/dev/null"])
    expect(lines.filter((line) => line.startsWith(world.dataDir) && !line.startsWith(folder))).toEqual([])
    for (const link of openLinks()) expect(lines).not.toContain(link)
    const wrapper = wrapperPid(launch)
    const command = (await marked(launch)).find((process) => process.parentPid === wrapper)
    expect(command?.session).toBe(wrapper)
    expect(readProcess(wrapper)?.session).toBe(wrapper)
    expect(readFileSync(`/proc/${wrapper}/cmdline`, "utf8")).not.toContain("readlink")
  })

  it("runs a script under the interpreter that its first line names", async () => {
    const { handle, podId } = await start(
      `#!${process.execPath}\nconsole.log("node", process.argv.length, process.env.RANK)`,
    )
    expect((await untilGone(world, handle)).pods[0]?.exitCode).toBe(0)
    expect(await logOf(handle, podId)).toEqual(["node 2 0"])
  })

  it.each([
    ["#!/no/such/interpreter\n", 127, /not found.*\/no\/such\/interpreter/],
    ["#!/etc/passwd\n", 126, /could not be executed.*\/etc\/passwd/],
    ["exec no-such-command-anywhere", 127, /not found.*no-such-command-anywhere/],
    ["exec /etc/passwd", 126, /could not be executed.*\/etc\/passwd/],
  ])("says what cannot run: %j", async (entryPoint, code, message) => {
    const { handle } = await start(entryPoint)
    const pod = (await untilGone(world, handle)).pods[0]
    expect(pod).toMatchObject({ state: "exited", exitCode: code })
    expect(pod?.message).toMatch(message)
    expect(pod?.message).not.toMatch(/\/pods\/|\/entry|\/launch/)
  })

  it("names no place of its own where a shell complains of the user's", async () => {
    const { handle, podId } = await start("cd /no/such/folder && exec true")
    expect((await untilGone(world, handle)).pods[0]?.exitCode).toBeGreaterThan(0)
    const log = (await logOf(handle, podId)).join("\n")
    expect(log).toContain("/no/such/folder")
    expect(log).not.toContain(world.dataDir)
  })

  it("cannot be led out of the data directory by an attempt's id", async () => {
    for (const id of ["../evil", "a/b", "", ".", "..", "x".repeat(65), "a\0b"])
      await expect(world.driver.ensure({ ...launchOf(), id: id as never }, never)).rejects.toThrow(
        "cannot name an attempt",
      )
    expect(readdirSync(join(world.dataDir, "pods"))).toEqual([])
  })

  it("fails as unavailable, with nothing started, when the folders cannot be made", async () => {
    const launch = launchOf()
    writeFileSync(join(world.dataDir, "pods", launch.id), "in the way")
    execFileSync("chmod", ["0500", join(world.dataDir, "pods")])
    // root may write anyway: only the refusal of others is asserted
    const result = await world.driver.ensure(launch, never).then(
      () => "started",
      (error: { code?: string }) => error.code,
    )
    execFileSync("chmod", ["0711", join(world.dataDir, "pods")])
    if (process.getuid?.() !== 0) expect(result).toBe("unavailable")
    else {
      const seen = await untilGone(world, (await world.driver.recover(launch.id, null)) ?? {})
      expect(seen.pods[0]?.exitCode).toBe(0)
    }
  })
})

describe.each(groupModes)("ending by the driver (control groups: %s)", (useGroups) => {
  beforeEach(() => withGroups(useGroups))

  it("ends a pod that uses more memory than it asked for, and says what to do", async () => {
    const launch = launchOf(2)
    const size = { cpuMilli: 64_000, memoryBytes: 24 * 1024 ** 2, gpus: 0, ephemeralBytes: 0 }
    const { handle } = await start(
      `[ $RANK = 1 ] && exec sleep 3600; (x=$(head -c 40000000 /dev/zero | tr '\\0' x); sleep 3600; echo $x)`,
      { pods: launch.pods.map((pod) => ({ ...pod, size })) },
    )
    const seen = await until(world, handle, (now) => (now.pods[0]?.state === "exited" ? now : undefined))
    expect(seen.pods[0]).toMatchObject({ exitCode: 137, cause: "out_of_memory" })
    expect(seen.pods[0]?.message).toMatch(/used 0\.\d+ GiB.*asked for 0\.02 GiB.*--memory/)
    expect(seen.pods[1]?.state).toBe("running")
    await world.driver.stop(handle, stopped, 0)
    await untilGone(world, handle)
  })

  it("still knows after a restart that the memory was the cause", async () => {
    const launch = launchOf()
    const size = { cpuMilli: 64_000, memoryBytes: 8 * 1024 ** 2, gpus: 0, ephemeralBytes: 0 }
    const { handle } = await start(`x=$(head -c 40000000 /dev/zero | tr '\\0' x); sleep 3600; echo $x`, {
      pods: launch.pods.map((pod) => ({ ...pod, size })),
    })
    await untilGone(world, handle)
    await world.restart()
    await world.driver.recover(launch.id, handle)
    expect((await untilGone(world, handle)).pods[0]).toMatchObject({ exitCode: 137, cause: "out_of_memory" })
  })

  it("ends a pod that floods its log", async () => {
    await world.close()
    const logs = createLogFiles({ clock: systemClock, log: silentLog, lookMs: 50, floodBytes: 100_000 })
    world = createLocalWorld({ logs, useGroups })
    const { handle } = await start(`exec yes`)
    const seen = await untilGone(world, handle)
    expect(seen.pods[0]).toMatchObject({ exitCode: 143, cause: "log_flood" })
    await logs.close()
  })
})

describe("the network of a gang", () => {
  it("lets the ranks meet at the master's address, each bound to its own", async () => {
    const program = `
      const net = require("node:net")
      const { RANK, MASTER_ADDR, MASTER_PORT, POD_IP, WORLD_SIZE } = process.env
      const hello = (socket) => socket.on("data", (data) => console.log(RANK + " of " + WORLD_SIZE + " got " + data))
      if (RANK === "0") net.createServer((socket) => { hello(socket); socket.end("from 0"); if (socket.remoteAddress === POD_IP) throw 1 })
        .on("connection", function () { this.close() }).listen(+MASTER_PORT, POD_IP)
      else {
        const dial = () => hello(net.connect({ host: MASTER_ADDR, port: +MASTER_PORT, localAddress: POD_IP })
          .on("connect", function () { this.end("from " + RANK) })
          .on("error", () => setTimeout(dial, 20)))
        dial()
      }`
    const { handle, launch } = await start(`#!${process.execPath}\n${program}`, {}, 2)
    const seen = await untilGone(world, handle)
    expect(seen.pods.map((pod) => pod.exitCode)).toEqual([0, 0])
    expect(await logOf(handle, launch.pods[0]?.podId ?? "")).toEqual(["0 of 2 got from 1"])
    expect(await logOf(handle, launch.pods[1]?.podId ?? "")).toEqual(["1 of 2 got from 0"])
    expect(seen.pods.every((pod) => pod.podIp.startsWith("127.64."))).toBe(true)
  })
})

it("does not remove what is kept of an attempt that still runs", async () => {
  const { launch, handle, podId } = await start("echo up; exec sleep 3600")
  await untilLogged(world, handle, podId, "up")
  await expect(world.driver.forget(launch.id, handle, true)).rejects.toMatchObject({ code: "conflict" })
  expect((await world.driver.inspect(handle)).pods[0]?.state).toBe("running")
})

it("knows its pods' processes from others, and its logs from other files", async () => {
  const { launch, handle, podId } = await start("setsid sleep 3600 & echo up; exec sleep 3600")
  await untilLogged(world, handle, podId, "up")
  const pids = (await marked(launch)).map((process) => process.pid)
  expect(pids.length).toBeGreaterThanOrEqual(3)
  for (const pid of pids) expect(world.driver.isPodProcess(pid)).toBe(true)
  expect(world.driver.isPodProcess(process.pid)).toBe(false)
  const log = localPaths(world.dataDir).log(launch.id, 0)
  expect([world.driver.isLogPath(log), world.driver.isLiveLog(log)]).toEqual([true, true])
  expect(world.driver.isLogPath(join(log, "..", "work", "log"))).toBe(false)
  await world.driver.stop(handle, stopped, 0)
  await untilGone(world, handle)
  expect(world.driver.isLiveLog(log)).toBe(false)
  // what no server has seen end may live
  expect(world.driver.isLiveLog(log.replace(launch.id, "att_unknown"))).toBe(true)
  expect(readBootId()).toMatch(/^[0-9a-f-]{36}$/)
})

it("keeps the folder of an attempt for its logs and its working folders, and removes it after the last", async () => {
  const { launch, handle, podId } = await start("echo over")
  await untilGone(world, handle)
  const paths = localPaths(world.dataDir)
  const log = paths.log(launch.id, 0)
  const all = { tailLines: null, sinceMs: null, fromOffset: null, maxBytes: 1000 }
  await world.driver.logRemoved(log)
  expect(existsSync(log)).toBe(true)
  rmSync(log)
  await world.driver.logRemoved(log)
  expect(existsSync(paths.attempt(launch.id))).toBe(true)
  expect(await world.driver.leftovers?.()).toEqual([launch.id])
  await world.driver.forget(launch.id, handle, false)
  expect(await world.driver.leftovers?.()).toEqual([])
  await world.driver.logRemoved(log)
  expect(existsSync(paths.attempt(launch.id))).toBe(false)
  await expect(world.driver.readLog(handle, podId, all)).rejects.toMatchObject({ code: "not_found" })
  await world.driver.forget(launch.id, handle, true)
})
