import type { Clock } from "../kit/clock.ts"
import type { Log } from "../kit/log.ts"
import type { Timers } from "../kit/timers.ts"
import { createWorkqueue } from "../kit/workqueue.ts"
import type { Store } from "../domain/journal/index.ts"
import type {
  EndpointCommands,
  ListenAddress,
  Route,
  Routes,
  ServiceNetwork,
  ServiceState,
  WorkloadKey,
} from "../domain/workloads/index.ts"
import {
  attemptChanged,
  endpointChanged,
  givesUpNodePort,
  listenAddresses,
  listenRetryMs,
  replicaChanged,
  standingMessage,
  workloadChanged,
} from "../domain/workloads/index.ts"
import { workspaceChanged } from "../domain/workspaces/index.ts"

export interface ServiceControlOptions {
  readonly store: Pick<Store, "subscribe">
  readonly routes: Routes
  readonly commands: () => EndpointCommands
  /** By cluster id; several may share one. */
  readonly networks: ReadonlyMap<string, ServiceNetwork>
  /** Whether the workspace's services are reached from other machines. */
  readonly isPublished: (workspaceId: string) => boolean
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Listens for services and sends their connections to ready pods. Owns no rules. */
export interface ServiceControl {
  /** At boot, once what runs was taken over: resolves when every service was opened and routed, or cannot be now. */
  open(): Promise<void>
  state(key: WorkloadKey): ServiceState
  /** Services that are listened for. */
  keys(): readonly { readonly key: WorkloadKey; readonly workspaceId: string }[]
  /** Nothing is listened on any more. Idempotent. */
  stop(): Promise<void>
}

/** What was done for a service in this life of the server. */
interface Opened {
  readonly network: ServiceNetwork
  /** As they were asked for, as text. */
  readonly addresses: readonly string[]
  /** A sentence for each that cannot be listened on. */
  readonly faults: readonly string[]
  /** Opens in a row that left a fault. */
  readonly tries: number
}

const concurrency = 32
const reconcileDeadlineMs = 10_000
const textOf = ({ host, port }: ListenAddress) => `${host}:${port}`

export function createServiceControl(options: ServiceControlOptions): ServiceControl {
  const { store, routes, clock, timers, log } = options
  const opened = new Map<WorkloadKey, Opened>()
  /** Who listens on an address, still does, or is about to. */
  const holders = new Map<string, WorkloadKey>()
  const opening = new Map<WorkloadKey, Promise<unknown>>()
  const closing = new Map<WorkloadKey, Promise<void>>()
  /** Node ports of services that others had, in this life. */
  const refused = new Map<WorkloadKey, readonly number[]>()
  /** What was last written down about a service's trouble. */
  const told = new Map<WorkloadKey, string>()
  /** Services whose node port may be known to somebody. */
  const known = new Set<WorkloadKey>()
  let isStarted = false
  let isStopped = false

  const queue = createWorkqueue({
    clock,
    concurrency,
    deadlineMs: reconcileDeadlineMs,
    reconcile: (key) => reconcile(key as WorkloadKey),
    onError: (key, err, retryInMs) =>
      log.warn({ err, workloadKey: key, retryInMs }, "a service could not be brought in line"),
  })

  // ---- routing: at once, with the commit ---------------------------------------------------------

  /** A pod that stops being ready gets no new connection from here on: it is told to end only afterwards. */
  function rerouted(key: WorkloadKey | null): void {
    if (key === null || !isStarted || isStopped) return
    const now = opened.get(key)
    const route = routes.get(key)
    if (now) now.network.route(key, route?.backends ?? [])
    if (!now || !route || isMoved(now, route)) queue.add(key)
  }

  /** Its addresses, or where they are listened on, are others by now. */
  function isMoved(now: Opened, route: Route): boolean {
    return now.network !== options.networks.get(route.clusterId) || !isSame(now.addresses, wantedOf(route))
  }

  const wantedOf = (route: Route): readonly string[] =>
    listenAddresses(route.endpoint, options.isPublished(route.endpoint.workspaceId)).map(textOf)

  // ---- listening ---------------------------------------------------------------------------------

  async function reconcile(key: WorkloadKey): Promise<void> {
    if (isStopped) return
    const route = routes.get(key)
    const network = route && options.networks.get(route.clusterId)
    const wanted = route
      ? listenAddresses(route.endpoint, options.isPublished(route.endpoint.workspaceId))
      : []
    const before = opened.get(key)
    if (before && (before.network !== network || wanted.length === 0)) await close(key)
    if (!route) return forget(key)
    if (!network || wanted.length === 0) return
    await othersClosed(key, wanted)
    const answers = await open(key, network, wanted)
    if (isStopped) return network.closeAll()
    await note(key, route, network, wanted, answers)
  }

  function open(key: WorkloadKey, network: ServiceNetwork, wanted: readonly ListenAddress[]) {
    const addresses = wanted.map(textOf)
    for (const address of addresses) if (!holders.has(address)) holders.set(address, key)
    const answers = network.open(key, wanted).finally(() => opening.delete(key))
    opening.set(
      key,
      answers.catch(() => release(key, addresses)),
    )
    return answers
  }

  /** Writes down what came of an open, routes, and sees to what could not be listened on. */
  async function note(
    key: WorkloadKey,
    route: Route,
    network: ServiceNetwork,
    wanted: readonly ListenAddress[],
    answers: readonly (string | null)[],
  ): Promise<void> {
    const before = opened.get(key)
    const faults = answers.filter((answer) => answer !== null)
    const addresses = wanted.map(textOf)
    release(key, [...(before?.addresses ?? []), ...addresses])
    addresses.forEach((address, at) => {
      if (answers[at] === null) holders.set(address, key)
    })
    const tries =
      faults.length === 0 ? 0 : (before && isSame(before.addresses, addresses) ? before.tries : 0) + 1
    opened.set(key, { network, addresses, faults, tries })
    // it may be over by now: its end has asked for another look
    network.route(key, routes.get(key)?.backends ?? [])
    if (faults.length === 0) {
      known.add(key)
      told.delete(key)
      return timers.cancel(timerOf(key))
    }
    timers.at(timerOf(key), clock.nowMs() + listenRetryMs(tries), () => queue.add(key))
    await tell(key, route, faults.join(" "))
    // the cluster address is the first, the node port the second
    if (answers[1]) await tryOtherNodePort(key, route, tries)
  }

  /** Once for each new trouble, not at every try. */
  async function tell(key: WorkloadKey, route: Route, message: string): Promise<void> {
    if (told.get(key) === message) return
    log.warn({ workloadId: route.endpoint.workloadId, message }, "a service cannot be listened for")
    await options.commands().tellPortInUse(route.endpoint, message)
    told.set(key, message)
  }

  async function tryOtherNodePort(key: WorkloadKey, route: Route, tries: number): Promise<void> {
    const { nodePort } = route.endpoint
    const before = refused.get(key) ?? []
    const given = { isChosen: route.isNodePortChosen, isKnown: known.has(key), tries, moves: before.length }
    if (nodePort === null || !givesUpNodePort(given)) return
    const all = [...before, nodePort]
    if (await options.commands().moveNodePort(route.endpoint, all)) refused.set(key, all)
  }

  /** Why nothing is even tried. */
  function standing({ endpoint, clusterId }: Route): string {
    if (options.networks.has(clusterId)) return standingMessage(endpoint)
    return `The cluster ${clusterId} forwards nothing.`
  }

  // ---- closing -----------------------------------------------------------------------------------

  /** What another service still listens on, though it is over, has to be free first. */
  async function othersClosed(key: WorkloadKey, wanted: readonly ListenAddress[]): Promise<void> {
    for (const address of wanted) {
      const holder = holders.get(textOf(address))
      if (holder === undefined || holder === key || routes.get(holder)) continue
      await opening.get(holder)
      await close(holder)
    }
  }

  function close(key: WorkloadKey): Promise<void> {
    const under = closing.get(key)
    if (under) return under
    const now = opened.get(key)
    if (!now) return Promise.resolve()
    opened.delete(key)
    timers.cancel(timerOf(key))
    const done = now.network.close(key).finally(() => {
      closing.delete(key)
      release(key, now.addresses)
    })
    closing.set(key, done)
    return done
  }

  function release(key: WorkloadKey, addresses: readonly string[]): void {
    for (const address of addresses) if (holders.get(address) === key) holders.delete(address)
  }

  function forget(key: WorkloadKey): void {
    timers.cancel(timerOf(key))
    refused.delete(key)
    told.delete(key)
    known.delete(key)
  }

  const unsubscribe = [
    store.subscribe(workloadChanged, (workload) => rerouted(routes.workloadChanged(workload))),
    store.subscribe(endpointChanged, ({ endpoint, gone }) =>
      rerouted(routes.endpointChanged(endpoint, gone)),
    ),
    store.subscribe(replicaChanged, ({ replica, gone }) => rerouted(routes.replicaChanged(replica, gone))),
    store.subscribe(attemptChanged, (attempt) => rerouted(routes.attemptChanged(attempt))),
    store.subscribe(workspaceChanged, ({ workspace }) => {
      for (const { endpoint } of isStarted ? routes.all() : [])
        if (endpoint.workspaceId === workspace.id) rerouted(endpoint.workloadKey)
    }),
  ]

  return {
    async open() {
      isStarted = true
      for (const { endpoint } of routes.all()) {
        known.add(endpoint.workloadKey)
        queue.add(endpoint.workloadKey)
      }
      await queue.settled()
    },
    state(key) {
      const now = opened.get(key)
      const route = routes.get(key)
      const readyPods = route?.backends.length ?? 0
      if (!now) return { listening: false, message: route ? standing(route) : "", readyPods }
      return { listening: now.faults.length === 0, message: now.faults.join(" "), readyPods }
    },
    keys: () =>
      routes
        .all()
        .flatMap(({ endpoint: { workloadKey: key, workspaceId } }) =>
          opened.has(key) ? { key, workspaceId } : [],
        ),
    async stop() {
      isStopped = true
      for (const off of unsubscribe) off()
      for (const key of opened.keys()) timers.cancel(timerOf(key))
      await queue.close()
      for (const network of new Set(options.networks.values())) await network.closeAll()
      opened.clear()
      holders.clear()
    },
  }
}

function timerOf(key: WorkloadKey): string {
  return `service:${key}`
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at])
}
