import type { Principal } from "../../identity/index.ts"
import type { Reads, Tx } from "../../journal/index.ts"
import type { NewRayService, RayList, RayName, RayObjects, RayServiceView } from "../commands.ts"
import type { RayClusterSpec } from "../spec.ts"
import type { RayPage, RayService, RayServiceKey } from "../types.ts"
import { rayPoked } from "../types.ts"
import { requireActive } from "../../workspaces/index.ts"
import { requireSeen, scopeToList, seenBy, workspaceToWrite } from "./access.ts"
import { buildSpec, noVariables } from "./build-spec.ts"
import { refuseHostPaths } from "./host-paths.ts"
import { labelIssues, nameIssues } from "./metadata.ts"
import type { RayClustersOptions } from "./options.ts"
import { alreadyThere, cannotBuild, refuseObject, tooMany } from "./refusals.ts"
import { checkRoom, lookUpTemplates } from "./shape.ts"
import { tellRay } from "./tell.ts"
import { unfitReason } from "./unfit.ts"

const resource = "ray-service"
const operation = "ray.write"

/** What services stand on. */
type RayServicesOptions = Omit<RayClustersOptions, "queue" | "backends">

/** Ray services: rules and rights. What brings them up is told that there is one, or one to end. */
export function createRayServices(options: RayServicesOptions): RayObjects["services"] {
  const { store, rows, clock, ids } = options

  async function viewOf(service: RayService): Promise<RayServiceView> {
    const [view] = await viewsOf([service])
    if (!view) throw new Error("There is a view for each.")
    return view
  }

  async function viewsOf(services: readonly RayService[]): Promise<readonly RayServiceView[]> {
    const keys = services.flatMap(({ key, activeClusterKey }) =>
      activeClusterKey === null ? [key] : [key, activeClusterKey],
    )
    const events = Map.groupBy(await rows.events.of(store.committed, keys), ({ objectKey }) => objectKey)
    return Promise.all(
      services.map(async (service) => {
        const { key, activeClusterKey } = service
        const active =
          activeClusterKey === null ? undefined : await rows.clusters.byKey(store.committed, activeClusterKey)
        const own = events.get(key) ?? []
        if (!active || active.state === "ending" || active.state === "gone")
          return { service, events: own, active: null }
        return { service, events: [...own, ...(events.get(active.key) ?? [])], active }
      }),
    )
  }

  async function seen(from: Reads, principal: Principal, at: RayName, by: "ray.get" | "ray.write") {
    const row = await rows.services.byName(from, at.namespace, at.name)
    return requireSeen(principal, by, row, { resource, at })
  }

  async function create(principal: Principal, wanted: NewRayService): Promise<RayService> {
    const { namespace, name } = wanted
    const workspaceId = workspaceToWrite(options, principal, namespace, operation)
    const key = ids.next("rsv") as RayServiceKey
    const atMs = clock.nowMs()
    return store.tx(async (tx) => {
      await requireActive(options.workspaceRow, tx, workspaceId)
      refuseHostPaths(options, principal, wanted.spec)
      const spec = await builtSpec(options, tx, workspaceId, wanted)
      if (await rows.services.byName(tx, namespace, name)) throw alreadyThere(resource, wanted)
      const { mostLive } = options.limits
      if ((await rows.services.liveIn(tx, workspaceId)) >= mostLive)
        throw tooMany(workspaceId, "Ray services", mostLive)
      const service = newService(wanted, { key, workspaceId, createdAtMs: atMs, spec }, principal)
      await rows.services.insert(tx, service)
      await tellRay(tx, principal, service, { resource, did: "created", operation, atMs })
      tx.publish(rayPoked, key)
      return service
    })
  }

  async function update(principal: Principal, wanted: NewRayService): Promise<RayService> {
    const atMs = clock.nowMs()
    return store.tx(async (tx) => {
      const before = await seen(tx, principal, wanted, operation)
      await requireActive(options.workspaceRow, tx, before.workspaceId)
      refuseHostPaths(options, principal, wanted.spec)
      const spec = await builtSpec(options, tx, before.workspaceId, wanted)
      const service: RayService = {
        ...(await withoutFailed(tx, before, principal, atMs)),
        ...wanted,
        spec,
        // it runs with the rights of whoever said last what it is
        ...rightsOf(principal),
      }
      await rows.services.update(tx, service)
      await tellRay(tx, principal, service, { resource, did: "updated", operation, atMs })
      tx.publish(rayPoked, service.key)
      return service
    })
  }

  /** Who says anew what is wanted wants what could not be brought up to be tried again. */
  async function withoutFailed(tx: Tx, service: RayService, { actor }: Principal, atMs: number) {
    const { pendingClusterKey: key } = service
    const pending = key === null ? undefined : await rows.clusters.byKey(tx, key)
    if (pending?.state !== "failed") return service
    await options.life.end(tx, pending, { actor, message: "Its service was updated." }, atMs)
    return { ...service, pendingClusterKey: null, appliedToPending: null }
  }

  return {
    create: async (principal, wanted) => viewOf(await create(principal, wanted)),
    update: async (principal, wanted) => viewOf(await update(principal, wanted)),
    get: async (principal, at) => viewOf(await seen(store.committed, principal, at, "ray.get")),
    async page(principal, namespace, page): Promise<RayList<RayServiceView>> {
      const { items, next } = await pageOf(options, principal, namespace, page)
      return { items: await viewsOf(items), next }
    },
    async delete(principal, at) {
      const atMs = clock.nowMs()
      await store.tx(async (tx) => {
        const service = await seen(tx, principal, at, operation)
        await rows.services.update(tx, { ...service, deletingAtMs: atMs })
        await tellRay(tx, principal, service, { resource, did: "deleted", operation, atMs })
        tx.publish(rayPoked, service.key)
      })
    },
  }
}

/** What can never run, by its name or its groups, is taken all the same, as upstream takes it. */
async function builtSpec(
  options: RayServicesOptions,
  tx: Tx,
  workspaceId: string,
  wanted: NewRayService,
): Promise<RayClusterSpec> {
  const { namespace, name, user, rayVersion } = wanted
  if (wanted.serveConfig === "") throw cannotBuild(resource, name, "no_serve_config")
  const resourcesOf = await lookUpTemplates(options, tx, namespace, workspaceId, wanted.spec)
  const { spec, issues } = buildSpec(wanted.spec, { resource, name, resourcesOf, envs: noVariables })
  refuseObject(resource, name, [...nameIssues(name), ...labelIssues([name, user, rayVersion]), ...issues])
  if (!unfitReason("RayService", name, spec)) checkRoom(options, workspaceId, wanted, spec)
  return spec
}

function rightsOf({ userId, serverRole }: Principal): Pick<RayService, "userId" | "asServerOwner"> {
  return { userId, asServerOwner: serverRole === "owner" }
}

function newService(
  wanted: NewRayService,
  made: Pick<RayService, "key" | "workspaceId" | "createdAtMs" | "spec">,
  principal: Principal,
): RayService {
  return {
    ...wanted,
    ...made,
    ...rightsOf(principal),
    annotations: {},
    activeClusterKey: null,
    pendingClusterKey: null,
    retiring: [],
    appliedToActive: null,
    appliedToPending: null,
    applications: [],
    message: "",
    unhealthySinceMs: null,
    deletingAtMs: null,
    version: 1,
  }
}

async function pageOf(
  options: RayServicesOptions,
  principal: Principal,
  namespace: string | null,
  page: RayPage,
): Promise<RayList<RayService>> {
  const scope = scopeToList(options, principal, namespace, "ray.list")
  if (!scope) return { items: [], next: null }
  const { items, hasMore } = await options.rows.services.page(options.store.committed, scope, page)
  const last = items.at(-1)
  return {
    items: seenBy(principal, "ray.list", items),
    next: hasMore && last ? { namespace: last.namespace, name: last.name } : null,
  }
}
