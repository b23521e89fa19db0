import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import type { RayPod } from "../domain/ray/index.ts"
import { systemClock } from "../kit/clock.ts"
import { silentLog } from "../kit/log.ts"
import { openStore } from "../store/index.ts"
import { sampleRayCluster, sampleRayPod } from "../domain/ray/ray-samples.ts"
import { backUpOffline } from "./offline.ts"
import { restoreBackup } from "./restore.ts"

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-restore-"))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const open = (dataDir: string) =>
  openStore({ path: join(dataDir, "berth.db"), clock: systemClock, log: silentLog })

/** A backup of a database with these Ray nodes. */
async function backupOf(pods: readonly RayPod[]): Promise<string> {
  const dataDir = join(root, "first")
  mkdirSync(dataDir)
  const store = open(dataDir)
  await store.tx(async (tx) => {
    await store.ray.clusters.insert(tx, sampleRayCluster(1, { state: "ready", clusterId: "local" }))
    for (const pod of pods) await store.ray.pods.insert(tx, pod)
  })
  await store.close()
  const file = join(root, "backup.tar.gz")
  await writeFile(file, await backUpOffline(dataDir))
  return file
}

it("marks the Ray nodes of a backup: only what is found in the directory is taken over, and nothing is started twice", async () => {
  const at = { clusterId: "local", handle: null } as const
  const [wanted, running, placed, begun, ending] = [
    sampleRayPod(1, { state: "wanted" }),
    sampleRayPod(2, { ...at, state: "running", portBlock: 0, handle: { attemptId: "rpd_2" } }),
    sampleRayPod(3, { ...at, state: "placed", portBlock: 1 }),
    sampleRayPod(4, { ...at, state: "placed", portBlock: 2 }),
    sampleRayPod(5, { ...at, state: "ending", portBlock: 3 }),
  ] as const
  const file = await backupOf([wanted, running, placed, begun, ending])
  const dataDir = join(root, "second")
  mkdirSync(join(dataDir, "ray", "pods", begun.id), { recursive: true })
  await restoreBackup({ file, dataDir, force: true, clock: systemClock, log: silentLog })

  const store = open(dataDir)
  const shown = async ({ id }: RayPod) => {
    const pod = await store.ray.pods.byId(store.committed, id)
    return [pod?.state, pod?.handle]
  }
  expect(await shown(wanted)).toEqual(["wanted", wanted.handle])
  expect(await shown(running)).toEqual(["running", { attemptId: "rpd_2", isRestored: true }])
  expect(await shown(placed)).toEqual(["starting", { isRestored: true }])
  expect(await shown(begun)).toEqual(["placed", null])
  expect(await shown(ending)).toEqual(["ending", { isRestored: true }])
  expect((await store.claims.control(store.committed)).paused).toBe(true)
  await store.close()
})
