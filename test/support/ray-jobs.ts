import type {
  AskedClusterSpec,
  NewRayJob,
  RayCluster,
  RayJob,
  RayPodLaunch,
} from "../../packages/server/src/domain/ray/index.ts"
import { anAskedSpec, aSize, aWantedCluster } from "../../packages/server/src/domain/ray/ray-suite.ts"
import type { FakeRayJob } from "../../packages/server/src/drivers/fake/fake-ray-job.ts"
import type { FakeRayScript } from "../../packages/server/src/drivers/fake/fake-ray-script.ts"
import { aNode, type TestPlane, type TestPlaneOptions } from "./plane.ts"

/** A head alone. */
export const headAlone: AskedClusterSpec = anAskedSpec({ workers: [] })

/** A job of its own cluster. */
export function wantedJob(change: Partial<NewRayJob> = {}): NewRayJob {
  return {
    namespace: "default",
    name: "count",
    user: "ada",
    rayVersion: "2.60.0",
    entrypoint: "count",
    metadata: {},
    runtimeEnv: "",
    numCpus: 0,
    numGpus: 0,
    resources: "",
    askedJobId: "",
    shutdownAfterJobFinishes: false,
    clusterSelector: {},
    spec: headAlone,
    ttlSecondsAfterFinished: 0,
    activeDeadlineSeconds: 0,
    submitter: null,
    ...change,
  }
}

/** One that selects the cluster `shared`. */
export function selectingJob(change: Partial<NewRayJob> = {}): NewRayJob {
  return wantedJob({ clusterSelector: { "ray.io/cluster": "shared" }, spec: null, ...change })
}

/** What entry points do, by their names; the others end well after a second. */
export type Programs = Readonly<Record<string, FakeRayJob>>

/** A plane with a machine without GPUs, the template `small`, and Ray whose entry points are these. */
export async function startRayPlane(
  begin: (options: TestPlaneOptions) => Promise<TestPlane>,
  programs: Programs = {},
  options: TestPlaneOptions & { readonly ray?: FakeRayScript } = {},
): Promise<TestPlane> {
  const { ray, ...rest } = options
  const p = await begin({ nodes: [aNode("n1"), aNode("c1", 0)], ...rest })
  p.ray.use({ ...ray, job: ({ entrypoint }) => programs[entrypoint] ?? {} })
  await makeTemplate(p)
  return p
}

/** The compute template `small`, in a namespace. */
export async function makeTemplate(p: TestPlane, namespace = "default", gpu = 0): Promise<void> {
  await p.plane.ray.templates.create(p.owner, { ...aSize, namespace, name: "small", gpu })
}

/** Makes the cluster that selecting jobs look for. */
export async function makeCluster(p: TestPlane, name = "shared"): Promise<void> {
  await p.plane.ray.clusters.create(p.owner, aWantedCluster({ namespace: "default", name, spec: headAlone }))
}

export async function clusterOf(p: TestPlane, name = "shared"): Promise<RayCluster> {
  return (await p.plane.ray.clusters.get(p.owner, { namespace: "default", name })).cluster
}

/** Advances until the cluster is so. */
export async function clusterReaches(
  p: TestPlane,
  state: RayCluster["state"],
  name = "shared",
): Promise<void> {
  await p.until(async () => (await clusterOf(p, name)).state === state)
}

export function jobOf(p: TestPlane, name = "count"): Promise<RayJob> {
  return p.plane.ray.jobs.get(p.owner, { namespace: "default", name })
}

/** Advances until the job is so. @returns it then */
export async function jobReaches(p: TestPlane, phase: RayJob["phase"], name = "count"): Promise<RayJob> {
  await p.until(async () => (await jobOf(p, name)).phase === phase)
  return jobOf(p, name)
}

/** The head that runs, of the only cluster there is. */
export function theHead(p: TestPlane): RayPodLaunch {
  const heads = p.ray.live().filter((launch) => launch.head === null)
  const [head] = heads
  if (!head || heads.length > 1) throw new Error(`There are ${heads.length} heads.`)
  return head
}
