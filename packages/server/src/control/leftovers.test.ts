import { expect, it } from "vitest"
import { silentLog } from "../kit/log.ts"
import type { RayPod, RayPodId } from "../domain/ray/index.ts"
import type { Attempt, AttemptId, PodDriver, Workload, WorkloadKey } from "../domain/workloads/index.ts"
import { forgetLeftovers } from "./leftovers.ts"

const over = { phase: "Succeeded", deletedAtMs: 1, hidden: false, attemptId: "att_a" }

/** What would be forgotten of `att_a`, given its rows. */
async function forgotten(
  attempt: Partial<Attempt> | undefined,
  workload: Partial<Workload> | undefined,
  forget: (id: string) => Promise<void> = () => Promise.resolve(),
): Promise<readonly string[]> {
  const ids: string[] = []
  const driver: Partial<PodDriver> = {
    leftovers: () => Promise.resolve(["att_a" as AttemptId]),
    async forget(id) {
      await forget(id)
      ids.push(id)
    },
  }
  await forgetLeftovers({
    drivers: [driver as PodDriver],
    rayBackends: [],
    rayPods: { byId: () => Promise.resolve(undefined) },
    rows: {
      attempt: () => Promise.resolve(attempt as Attempt | undefined),
      byKey: () => Promise.resolve(workload as Workload | undefined),
    },
    store: { committed: { isReads: true } },
    log: silentLog,
  })
  return ids
}

const gone: Partial<Attempt> = { state: "gone", workloadKey: "wl_a" as WorkloadKey }

it("removes what is left of attempts that are over, and of workloads that are no longer kept", async () => {
  expect(await forgotten(gone, over as Partial<Workload>)).toEqual(["att_a"])
  expect(await forgotten(gone, undefined)).toEqual(["att_a"])
  const retried = { ...over, deletedAtMs: null, attemptId: "att_b" } as Partial<Workload>
  expect(await forgotten(gone, retried)).toEqual(["att_a"])
})

it("leaves what runs, what its workload still keeps, and what the database does not know", async () => {
  expect(await forgotten({ ...gone, state: "ending" }, over as Partial<Workload>)).toEqual([])
  expect(await forgotten(gone, { ...over, deletedAtMs: null } as Partial<Workload>)).toEqual([])
  expect(await forgotten(undefined, undefined)).toEqual([])
})

it("goes on after one that cannot be removed now", async () => {
  const fails = () => Promise.reject(new Error("busy"))
  expect(await forgotten(gone, undefined, fails)).toEqual([])
})

it("removes what is left of Ray nodes that are gone, and of no other", async () => {
  const pods = new Map([
    ["rpd_gone", { state: "gone" }],
    ["rpd_lives", { state: "running" }],
  ])
  const ids: string[] = []
  await forgetLeftovers({
    drivers: [],
    rayBackends: [
      {
        leftovers: () => Promise.resolve(["rpd_gone", "rpd_lives", "rpd_unknown"] as RayPodId[]),
        forget: async (id) => void ids.push(id),
      },
    ],
    rows: { attempt: () => Promise.resolve(undefined), byKey: () => Promise.resolve(undefined) },
    rayPods: { byId: (_from, id) => Promise.resolve(pods.get(id) as RayPod | undefined) },
    store: { committed: { isReads: true } },
    log: silentLog,
  })
  expect(ids).toEqual(["rpd_gone"])
})
