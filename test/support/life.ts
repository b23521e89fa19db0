import type { NodeSource } from "../../packages/server/src/domain/inventory/index.ts"
import type { Store } from "../../packages/server/src/domain/journal/index.ts"
import type { RayBackend, RayDashboard } from "../../packages/server/src/domain/ray/index.ts"
import type { Prober } from "../../packages/server/src/domain/services/index.ts"
import type { PodDriver } from "../../packages/server/src/domain/workloads/index.ts"
import { AppError } from "../../packages/server/src/kit/errors.ts"
import type { Clock } from "../../packages/server/src/kit/clock.ts"

/** Called at every step that a server could die at; may call `kill`. */
export type OnStep = (step: string, kill: () => void) => void

/**
 * One life of a server, as seen from the world outside it: everything it reads the time from, writes to and
 * starts processes with. Killed, none of it answers any more: what it waits for never comes, as for a
 * process that is no more.
 */
export interface Life {
  readonly clock: Clock
  readonly isDead: boolean
  /** Grows with everything it does: equal at two looks, it rested between them. */
  readonly activity: number
  /** Transactions and driver calls that were not answered yet. */
  readonly inFlight: number
  /** Transactions asked for. */
  readonly transactions: number
  store(store: Store): Store
  driver(driver: PodDriver & NodeSource): PodDriver & NodeSource
  prober(prober: Prober): Prober
  /** Installing goes on beside everything else: it is no call that anything waits for. */
  rayBackend(backend: RayBackend): RayBackend
  kill(): void
}

const never = new Promise<never>(() => {})

/** @param refuse whether the store takes nothing now, as with a full disk */
export function createLife(
  clock: Clock,
  onStep: OnStep = () => {},
  refuse: () => boolean = () => false,
): Life {
  let isDead = false
  let activity = 0
  let inFlight = 0
  let transactions = 0

  const kill = () => {
    isDead = true
  }
  /** @returns whether it lived on */
  function step(name: string): boolean {
    activity++
    if (!isDead) onStep(name, kill)
    return !isDead
  }

  async function call<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (isDead || !step(`${name} <`)) return never
    inFlight++
    try {
      const result = await work()
      if (isDead || !step(`${name} >`)) return await never
      return result
    } catch (error) {
      if (isDead || !step(`${name} !`)) return await never
      throw error
    } finally {
      inFlight--
    }
  }

  const guard =
    <A extends unknown[]>(listener: (...args: A) => void) =>
    (...args: A) => {
      activity++
      if (!isDead) listener(...args)
    }

  return {
    clock: {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      alarm: (delayMs, fire, keepAlive) => clock.alarm(delayMs, guard(fire), keepAlive),
    },
    get isDead() {
      return isDead
    },
    get activity() {
      return activity
    },
    get inFlight() {
      return inFlight
    },
    get transactions() {
      return transactions
    },
    store: (store) => ({
      committed: store.committed,
      tx(closure) {
        transactions++
        return call("tx", async () => {
          if (refuse()) throw new AppError("unavailable", "The disk is full.", { detail: "store_full" })
          return store.tx(async (tx) => {
            // a batch that had not begun when it died was never written
            if (isDead) throw new Error("The server is no more.")
            return closure(tx)
          })
        })
      },
      subscribe: (topic, listener) => store.subscribe(topic, guard(listener)),
    }),
    driver: (driver) => ({
      clusterId: driver.clusterId,
      fingerprint: (signal) => call("fingerprint", () => driver.fingerprint(signal)),
      ensure: (launch, signal) => call("ensure", () => driver.ensure(launch, signal)),
      inspect: (handle) => call("inspect", () => driver.inspect(handle)),
      recover: (id, handle) => call("recover", () => driver.recover(id, handle)),
      stop: (handle, reason, graceMs) => call("stop", () => driver.stop(handle, reason, graceMs)),
      onChange: (listener) => driver.onChange(guard(listener)),
      readLog: (handle, podId, query) => driver.readLog(handle, podId, query),
      followLog: (handle, podId, query, signal) => driver.followLog(handle, podId, query, signal),
      forget: (id, handle, logsToo) => call("forget", () => driver.forget(id, handle, logsToo)),
      close: () => driver.close(),
    }),
    prober: (prober) => ({
      probe: (url, timeoutMs, signal) => call("probe", () => prober.probe(url, timeoutMs, signal)),
    }),
    rayBackend: (backend) => ({
      ...backend,
      prepare: async (want, report, signal) => {
        const runtime = await backend.prepare(want, guard(report), signal)
        return isDead ? never : runtime
      },
      ensure: (launch, signal) => call("ray ensure", () => backend.ensure(launch, signal)),
      inspect: (id, handle) => call("ray inspect", () => backend.inspect(id, handle)),
      recover: (id, handle) => call("ray recover", () => backend.recover(id, handle)),
      stop: (id, handle, reason, graceMs) =>
        call("ray stop", () => backend.stop(id, handle, reason, graceMs)),
      forget: (id, handle) => call("ray forget", () => backend.forget(id, handle)),
      dashboard: (address, token) => dashboardOf(backend.dashboard(address, token), call),
      onChange: (listener) => backend.onChange(guard(listener)),
    }),
    kill,
  }
}

type Call = <T>(name: string, work: () => Promise<T>) => Promise<T>

function dashboardOf(dashboard: RayDashboard, call: Call): RayDashboard {
  return {
    health: (signal) => call("ray health", () => dashboard.health(signal)),
    nodes: (signal) => call("ray nodes", () => dashboard.nodes(signal)),
    submit: (job, signal) => call("ray submit", () => dashboard.submit(job, signal)),
    job: (id, signal) => call("ray job", () => dashboard.job(id, signal)),
    jobs: (signal) => call("ray jobs", () => dashboard.jobs(signal)),
    log: (id, signal) => call("ray log", () => dashboard.log(id, signal)),
    stop: (id, signal) => call("ray stop job", () => dashboard.stop(id, signal)),
    remove: (id, signal) => call("ray remove", () => dashboard.remove(id, signal)),
    applyServe: (config, signal) => call("ray apply", () => dashboard.applyServe(config, signal)),
    serve: (signal) => call("ray serve", () => dashboard.serve(signal)),
    forward: (request, signal) => call("ray forward", () => dashboard.forward(request, signal)),
  }
}
