import { expect, it } from "vitest"
import type { Topic } from "../domain/journal/index.ts"
import {
  rayClusterChanged,
  rayJobChanged,
  rayPodChanged,
  rayServiceChanged,
  type RayCluster,
  type RayJob,
  type RayPod,
  type RayService,
} from "../domain/ray/index.ts"
import { createRayFigures } from "./ray-figures.ts"

const aCluster = (key: string, change: Partial<RayCluster> = {}) =>
  ({ key, workspaceId: "red", state: "waiting", headFailures: 0, ...change }) as RayCluster
const aPod = (id: string, state: RayPod["state"]) => ({ id, workspaceId: "red", state }) as RayPod
const aJob = (key: string, phase: RayJob["phase"]) => ({ key, workspaceId: "blue", phase }) as RayJob
const aService = (key: string) => ({ key, workspaceId: "blue" }) as RayService

function figures() {
  const listeners = new Map<unknown, (change: never) => void>()
  const one = createRayFigures({
    subscribe<T>(topic: Topic<T>, listener: (change: T) => void) {
      listeners.set(topic, listener)
      return () => listeners.delete(topic)
    },
  })
  const tell = <T>(topic: Topic<T>, change: T) => listeners.get(topic)?.(change as never)
  return { ...one, tell }
}

it("counts what is there by workspace and state, and forgets what is gone", () => {
  const { load, tell, reading } = figures()
  load({
    clusters: [aCluster("a"), aCluster("b", { workspaceId: "blue", state: "ready" })],
    pods: [aPod("p", "running"), aPod("q", "running")],
    jobs: [aJob("j", "Running")],
    services: [aService("s"), aService("t")],
  })
  tell(rayClusterChanged, aCluster("c"))
  tell(rayJobChanged, { job: aJob("k", ""), gone: false })
  expect(reading()).toMatchObject({
    clusters: [
      { workspaceId: "red", state: "waiting", count: 2 },
      { workspaceId: "blue", state: "ready", count: 1 },
    ],
    pods: { running: 2 },
    jobs: [
      { workspaceId: "blue", state: "Running", count: 1 },
      { workspaceId: "blue", state: "New", count: 1 },
    ],
    services: [{ workspaceId: "blue", count: 2 }],
  })
  for (const key of ["a", "b", "c"]) tell(rayClusterChanged, aCluster(key, { state: "gone" }))
  for (const id of ["p", "q"]) tell(rayPodChanged, aPod(id, "gone"))
  for (const key of ["j", "k"]) tell(rayJobChanged, { job: aJob(key, "Running"), gone: true })
  for (const key of ["s", "t"]) tell(rayServiceChanged, { service: aService(key), gone: true })
  expect(reading()).toMatchObject({ clusters: [], pods: {}, jobs: [], services: [], jobsEnded: {} })
})

it("counts failures and ends once each, and none from before", () => {
  const { load, tell, reading } = figures()
  load({
    clusters: [aCluster("old", { state: "failed", headFailures: 2 })],
    pods: [],
    jobs: [],
    services: [],
  })
  tell(rayClusterChanged, aCluster("old", { state: "failed", headFailures: 2 }))
  expect(reading()).toMatchObject({ clustersFailed: 0, headsFailed: 0 })
  tell(rayClusterChanged, aCluster("a", { headFailures: 1 }))
  tell(rayClusterChanged, aCluster("a", { headFailures: 1, state: "failed" }))
  tell(rayClusterChanged, aCluster("a", { headFailures: 1, state: "failed" }))
  tell(rayJobChanged, { job: aJob("j", "Running"), gone: false })
  tell(rayJobChanged, { job: aJob("j", "Complete"), gone: false })
  tell(rayJobChanged, { job: aJob("j", "Complete"), gone: false })
  tell(rayJobChanged, { job: aJob("bad", "ValidationFailed"), gone: false })
  expect(reading()).toMatchObject({
    clustersFailed: 1,
    headsFailed: 1,
    jobs: [],
    jobsEnded: { Complete: 1, ValidationFailed: 1 },
  })
})
