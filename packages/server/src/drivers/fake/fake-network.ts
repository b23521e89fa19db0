import type { Backend, ListenAddress, ServiceNetwork } from "../../domain/workloads/index.ts"

/** Services as a test sees them. */
interface FakeService {
  /** That are listened on now. */
  readonly addresses: readonly ListenAddress[]
  readonly backends: readonly Backend[]
}

/** A network that forwards nothing and remembers what it was told. */
export interface FakeNetwork extends ServiceNetwork {
  /** What is open, by key. */
  readonly services: ReadonlyMap<string, FakeService>
  /** Every `open`, `route` and `close` in order, each as `open <key>`; the last 10,000. */
  readonly calls: readonly string[]
  /** Another program has this port (on every address without `host`): `open` gives a sentence for it. */
  take(port: number, host?: string): void
  free(port: number, host?: string): void
  /** The process ended: nothing is open, and what is taken by others stays taken. */
  lose(): void
}

const mostCalls = 10_000

/** @returns a network for tests of the control plane */
export function createFakeNetwork(): FakeNetwork {
  const services = new Map<string, FakeService>()
  const taken = new Set<string>()
  const calls: string[] = []

  function note(call: string) {
    calls.push(call)
    if (calls.length > mostCalls) calls.shift()
  }

  function sentence({ host, port }: ListenAddress, key: string): string | null {
    if (taken.has(`${host}:${port}`) || taken.has(`*:${port}`))
      return `${host}:${port} is in use by another program.`
    for (const [other, { addresses }] of services)
      if (other !== key && addresses.some((one) => one.port === port && one.host === host))
        return `${host}:${port} is in use by another service.`
    return null
  }

  return {
    services,
    calls,
    async open(key, addresses) {
      note(`open ${key}`)
      const answers = addresses.map((address) => sentence(address, key))
      const open = addresses.filter((_, at) => answers[at] === null)
      services.set(key, { addresses: open, backends: services.get(key)?.backends ?? [] })
      return answers
    },
    route(key, backends) {
      note(`route ${key}`)
      const service = services.get(key)
      if (service) services.set(key, { ...service, backends: [...backends] })
    },
    async close(key) {
      note(`close ${key}`)
      services.delete(key)
    },
    async closeAll() {
      services.clear()
    },
    take: (port, host = "*") => void taken.add(`${host}:${port}`),
    free: (port, host = "*") => void taken.delete(`${host}:${port}`),
    lose: () => services.clear(),
  }
}
