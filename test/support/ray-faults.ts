import type { RayCluster, RayJobKey, RayServiceKey } from "../../packages/server/src/domain/ray/index.ts"
import type { FakeRayWorld } from "../../packages/server/src/drivers/fake/fake-ray-world.ts"
import type { OpenStore } from "../../packages/server/src/store/index.ts"

/** Rows of Ray's pods, their claims and their processes that do not fit each other. */
export async function faultsOfRay(store: OpenStore, world: FakeRayWorld): Promise<string[]> {
  const from = store.committed
  const faults: string[] = []
  const pods = await store.ray.pods.live(from)
  const claims = new Map((await store.claims.live(from)).map((claim) => [claim.id, claim]))
  const clusters = new Map((await store.ray.clusters.live(from)).map((cluster) => [cluster.key, cluster]))
  const stateOf = {
    wanted: "wanted",
    placed: "bound",
    starting: "bound",
    running: "bound",
    ending: "releasing",
    gone: "",
  }
  for (const pod of pods) {
    const state = claims.get(pod.claimId)?.state
    if (state !== stateOf[pod.state]) faults.push(`${pod.name} is ${pod.state}, its claim ${state ?? "gone"}`)
    if (!clusters.has(pod.clusterKey)) faults.push(`${pod.name} is of a cluster that is gone`)
  }
  for (const [key, heads] of Map.groupBy(
    pods.filter((pod) => pod.groupName === null),
    (pod) => pod.clusterKey,
  ))
    if (heads.length > 1) faults.push(`${clusters.get(key)?.name} has ${heads.length} heads`)
  faults.push(...(await faultsOfParents(store, [...clusters.values()])))
  const held = new Set<string>(pods.map((pod) => pod.claimId))
  for (const claim of claims.values())
    if (claim.owner.kind === "ray-cluster" && !held.has(claim.id))
      faults.push(`${claim.id} of ${claim.owner.shownId} is ${claim.state}, and no pod has it`)
  const known = new Set(pods.map((pod) => pod.id))
  for (const { id, name } of world.live()) if (!known.has(id)) faults.push(`${name} runs, and no row says so`)
  return faults
}

/** Clusters whose job or service is there no more, and who was not told so. */
async function faultsOfParents(store: OpenStore, clusters: readonly RayCluster[]): Promise<string[]> {
  const faults: string[] = []
  for (const { name, state, parent } of clusters)
    if (parent && state !== "ending" && !(await isThere(store, parent)))
      faults.push(`${name} is ${state}, and its ${parent.kind} ${parent.name} is gone`)
  return faults
}

/** A job that is over is: its cluster may stay. */
async function isThere(
  { ray, committed }: OpenStore,
  { kind, key }: NonNullable<RayCluster["parent"]>,
): Promise<boolean> {
  const row =
    kind === "job"
      ? await ray.jobs.byKey(committed, key as RayJobKey)
      : await ray.services.byKey(committed, key as RayServiceKey)
  return row !== undefined
}
