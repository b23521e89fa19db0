import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { WorkloadDetail } from "@berth/contract/workloads"
import { afterEach, expect, it } from "vitest"
import { podProcesses } from "../support/belongings.ts"
import { createRandom, type Random } from "../support/random.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"
import { attemptsIn, databaseFaults, fileFaults } from "./database-checks.ts"
import { type Entry, isEndless, isServing, type Load, startLoad } from "./kill-load.ts"

const kills = Number(process.env["BERTH_KILLS"] ?? "25")
const seed = Number(process.env["BERTH_SEED"] ?? Date.now() % 1_000_000)
const longestLoadMs = 500
const longestStartMs = 700

let server: RealServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

it(
  `loses nothing it has answered and starts nothing twice over ${kills} kills`,
  { timeout: 60_000 + kills * 6000 },
  async () => {
    // oxlint-disable-next-line no-console -- with it the same instants are chosen again
    console.log(`kill test: BERTH_SEED=${seed} BERTH_KILLS=${kills}`)
    const random = createRandom(seed)
    server = await startRealServer({ flags: ["--simulate", "4x8xH100", "--stop-grace", "1"] })
    const startsFile = join(server.home, "starts")
    writeFileSync(startsFile, "")
    chmodSync(startsFile, 0o666)

    const load = startLoad(server, createRandom(seed + 1), startsFile)
    await killAgainAndAgain(server, random)
    await load.end()
    // oxlint-disable-next-line no-console -- how much was under way
    console.log(`kill test: answered ${JSON.stringify(load.answered)}`)
    expect(load.odd).toEqual([])
    // how much a machine does between two kills is its own affair
    expect(load.answered.create).toBeGreaterThan(kills / 4)
    expect(load.answered.stop).toBeGreaterThan(0)
    expect(load.answered.patch).toBeGreaterThan(0)
    expect(load.answered.change).toBeGreaterThan(0)

    await everythingAnsweredHolds(server, load)
    await whatStaysIsAdopted(server, load, startsFile)
    await nothingIsLeftAfterStopping(server)
    await server.stop({ pods: true })
    expect(await databaseFaults(server)).toEqual([])
    if (!server.database) expect(await fileFaults(server)).toEqual([])
    expect(server.errors()).toEqual([])
    await everyAttemptStartedOnce(server, load, startsFile)
  },
)

/** Some kills come while it works, some while it is still starting on what the last one left. */
async function killAgainAndAgain(server: RealServer, random: Random): Promise<void> {
  for (let kill = 1; kill <= kills; kill++) {
    const isWorking = kill === 1 || random.chance(0.75)
    if (isWorking) await pause(random.between(0, longestLoadMs))
    await server.kill9()
    const ready = server.restart()
    ready.catch(() => {}) // killed before it was
    if (kill < kills && random.chance(0.25)) await pause(random.between(0, longestStartMs))
    else await ready
  }
}

async function everythingAnsweredHolds(server: RealServer, load: Load): Promise<void> {
  for (const entry of load.entries) {
    const seen = await server.until(async () => {
      const workload = await server.workload(entry.id)
      return isSettled(entry, workload) ? workload : undefined
    }, `${entry.id}, which ${entry.habit}, is where its habit and its stops bring it`)
    expect([entry.description, ...entry.perhaps], entry.id).toContain(seen.description)
    expect(expectedPhases(entry), `${entry.id}, which ${entry.habit}`).toContain(seen.phase)
    if (seen.phase === "Failed") expect(seen.dispatchCount, entry.id).toBe(2)
    if (seen.phase === "Succeeded") expect(seen.dispatchCount, entry.id).toBe(1)
  }
}

function isSettled(entry: Entry, { phase, pods }: WorkloadDetail): boolean {
  if (entry.stopAnswered) return true
  // what was asked for last is reached, also where a kill came between
  if (entry.habit === "serves" && phase !== "Stopped")
    return phase === "Running" && [entry.replicas, ...entry.perhapsReplicas].includes(pods.length)
  return isEndless(entry.habit) ? true : !["Pending", "Running"].includes(phase)
}

/** A stop that was answered is done: only what had ended before it may be something else. */
function expectedPhases(entry: Entry): readonly string[] {
  const byItself = {
    succeeds: ["Succeeded"],
    fails: ["Failed"],
    stays: ["Pending", "Running"],
    serves: ["Running"],
    crashes: ["Pending", "Running", "Updating", "NotReady"],
  }[entry.habit]
  if (entry.stopAnswered) return isEndless(entry.habit) ? ["Stopped"] : ["Stopped", ...byItself]
  return entry.stopSent ? ["Stopped", ...byItself] : byItself
}

/** What runs is the process that was started at first, and nothing runs that no attempt knows of. */
async function whatStaysIsAdopted(server: RealServer, load: Load, startsFile: string): Promise<void> {
  const live = (await attemptsIn(server)).filter(({ state }) => state !== "gone")
  const pidOf = new Map(startsIn(startsFile).map((start) => [`${start.attempt} ${start.rank}`, start.pid]))
  const alive = new Set(podProcesses(server.dataDir).map(({ pid }) => pid))
  for (const entry of load.entries.filter((one) => isServing(one.habit)))
    expect((await server.workload(entry.id)).dispatchCount, entry.id).toBeLessThanOrEqual(1)
  for (const entry of load.entries.filter((one) => one.habit === "serves" && !one.stopSent)) {
    const own = live.filter(({ workloadId, state }) => workloadId === entry.id && state === "running")
    expect([entry.replicas, ...entry.perhapsReplicas], entry.id).toContain(own.length)
    for (const { id } of own)
      expect(alive, `${entry.id} is the process that was started`).toContain(pidOf.get(`${id} 0`))
  }
  for (const entry of load.entries.filter((one) => one.habit === "stays" && !one.stopSent)) {
    const attempt = live.find(({ workloadId }) => workloadId === entry.id)
    const { phase, dispatchCount } = await server.workload(entry.id)
    expect(dispatchCount, entry.id).toBeLessThanOrEqual(1)
    if (phase !== "Running") continue
    for (let rank = 0; rank < entry.replicas; rank++)
      expect(alive, `${entry.id}, rank ${rank}, is the process that was started`).toContain(
        pidOf.get(`${attempt?.id} ${rank}`),
      )
  }
  const known = new Set(live.map(({ id }) => id))
  await server.until(() => {
    const strangers = podProcesses(server.dataDir).filter((one) => one.attemptId && !known.has(one.attemptId))
    return strangers.length === 0 ? true : undefined
  }, "no process lives whose attempt is gone")
}

/** The processes by their marks, the GPUs by the nodes, the queue by its list. */
async function nothingIsLeftAfterStopping(server: RealServer): Promise<void> {
  const { items } = await server.client.workloads.list({
    phase: ["Pending", "Running", "Updating", "NotReady"],
    limit: 10_000,
  })
  if (items.length > 0) await server.client.workloads.stopMany(items.map((item) => item.workloadId))
  await podsGone(server)
  const nodes = await server.until(async () => {
    const seen = await server.nodes()
    return seen.every((node) => node.holders.length === 0) ? seen : undefined
  }, "no node is held")
  for (const node of nodes) expect(node.free, node.name).toEqual(node.capacity)
  expect((await server.client.berth.queue()).items).toEqual([])
}

async function everyAttemptStartedOnce(server: RealServer, load: Load, startsFile: string): Promise<void> {
  const starts = startsIn(startsFile)
  const keys = starts.map((start) => `${start.attempt} ${start.rank}`)
  expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([])
  const known = new Set((await attemptsIn(server)).map(({ id }) => id))
  expect(starts.filter((start) => !known.has(start.attempt))).toEqual([])
  const mustHaveRun = load.entries.filter((entry) => entry.habit === "fails" && !entry.stopSent)
  // one rank may fail before the other has begun
  expect(starts.length).toBeGreaterThanOrEqual(2 * mustHaveRun.length)
}

function startsIn(path: string) {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [attempt = "", rank = "", pid = ""] = line.split(" ")
      return { attempt, rank, pid: Number(pid) }
    })
}
