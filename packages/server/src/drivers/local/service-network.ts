import { createServer, type Server, type Socket } from "node:net"
import type { Clock } from "../../kit/clock.ts"
import type { Log } from "../../kit/log.ts"
import type { Backend, ListenAddress, ServiceNetwork } from "../../domain/workloads/index.ts"
import { dial, joinSockets } from "./sockets.ts"

export interface LocalNetworkOptions {
  readonly clock: Clock
  readonly log: Log
  /** Connections of one service at a time; one more is closed at once. Default 2,048. */
  readonly mostOfService?: number
  /**
   * Connections at a time in all; each takes two open files. Default 8,192. The last quarter is for services that have
   * few: one that is flooded, or whose pods never let go, leaves the others theirs.
   */
  readonly mostInAll?: number
}

/** For metrics. All but the first two only grow. */
export interface NetworkCounts {
  readonly listeners: number
  readonly connections: number
  readonly accepted: number
  /** Closed at once: a bound was reached. */
  readonly refused: number
  /** Closed because no backend took them. */
  readonly unanswered: number
  /** From and to clients, of connections that are over. */
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface LocalNetwork extends ServiceNetwork {
  readonly counts: NetworkCounts
  /** Open connections of one service. */
  connectionsOf(key: string): number
}

/** A connection of a client, and where it leads or is about to lead. */
interface Connection {
  readonly client: Socket
  backend: Socket | undefined
}

interface Service {
  readonly key: string
  readonly listeners: Map<string, Server>
  readonly connections: Set<Connection>
  backends: readonly Backend[]
  /** Where the turn of the backends is. */
  next: number
  isClosed: boolean
  /** `open` one after the other. */
  opening: Promise<unknown>
}

/** How long one backend may take to accept, and all that are tried for one client. */
const dialMs = 2000
const allDialsMs = 10_000
/** A client whose machine went away without a word is found by this. */
const keepAliveMs = 60_000

/** Forwards TCP in this process. Idle connections live; bounds are on their number alone. */
export function createLocalNetwork(options: LocalNetworkOptions): LocalNetwork {
  const { clock, log, mostOfService = 2048, mostInAll = 8192 } = options
  const services = new Map<string, Service>()
  const mostOfMany = mostInAll - Math.floor(mostInAll / 4)
  const few = Math.max(4, Math.floor(mostInAll / 64))
  const counts = { connections: 0, accepted: 0, refused: 0, unanswered: 0, bytesIn: 0, bytesOut: 0 }

  // ---- listening ---------------------------------------------------------------------------------

  function serviceOf(key: string): Service {
    const known = services.get(key)
    if (known) return known
    const service: Service = {
      key,
      listeners: new Map(),
      connections: new Set(),
      backends: [],
      next: 0,
      isClosed: false,
      opening: Promise.resolve(),
    }
    services.set(key, service)
    return service
  }

  async function openAll(service: Service, addresses: readonly ListenAddress[]) {
    const wanted = new Set(addresses.map(nameOf))
    for (const [name, server] of service.listeners)
      if (!wanted.has(name)) {
        service.listeners.delete(name)
        server.close()
      }
    const answers: (string | null)[] = []
    for (const address of addresses) answers.push(await listen(service, address))
    return answers
  }

  function listen(service: Service, address: ListenAddress): Promise<string | null> {
    const name = nameOf(address)
    if (service.listeners.has(name)) return Promise.resolve(null)
    return new Promise((resolve) => {
      const server = createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveMs,
      })
      server.on("connection", (client) => accept(service, client))
      server.on("error", (error: NodeJS.ErrnoException) => {
        log.debug({ err: error, service: service.key }, "listener of a service has an error")
        resolve(listenSentence(address, error.code ?? ""))
      })
      server.listen({ ...address, exclusive: true }, () => {
        if (service.isClosed) server.close()
        else service.listeners.set(name, server)
        resolve(service.isClosed ? "The service was closed meanwhile." : null)
      })
    })
  }

  async function close(key: string): Promise<void> {
    const service = services.get(key)
    if (!service) return
    services.delete(key)
    service.isClosed = true
    for (const server of service.listeners.values()) server.close()
    service.listeners.clear()
    for (const { client, backend } of service.connections) {
      // not a clean end: what is cut off must not look whole
      client.resetAndDestroy()
      backend?.destroy()
    }
    await service.opening
  }

  // ---- connections -------------------------------------------------------------------------------

  function hasRoom(size: number): boolean {
    return size < mostOfService && counts.connections < (size < few ? mostInAll : mostOfMany)
  }

  function accept(service: Service, client: Socket): void {
    client.on("error", () => undefined) // its close tells all there is
    if (service.isClosed || !hasRoom(service.connections.size)) {
      counts.refused++
      client.destroy()
      return
    }
    counts.accepted++
    counts.connections++
    const connection: Connection = { client, backend: undefined }
    service.connections.add(connection)
    client.once("close", () => {
      counts.bytesIn += client.bytesRead
      counts.bytesOut += client.bytesWritten
      leave(service, connection)
    })
    void lead(service, connection)
  }

  /** Over once neither side is open. */
  function leave(service: Service, connection: Connection): void {
    const { client, backend } = connection
    if (!client.closed || (backend && !backend.closed)) return
    if (service.connections.delete(connection)) counts.connections--
  }

  /** Joins it with the first backend, in turn, that takes it; each is tried once. */
  async function lead(service: Service, connection: Connection): Promise<void> {
    const { client } = connection
    const giveUpMono = clock.monotonicMs() + allDialsMs
    for (const backend of inTurn(service)) {
      if (client.destroyed || clock.monotonicMs() >= giveUpMono) break
      if (!service.backends.includes(backend)) continue
      const dialed = dial(clock, backend, dialMs)
      connection.backend = dialed.socket
      dialed.socket.once("close", () => leave(service, connection))
      // it may have been taken away while it was dialled: its address may be another pod's by now
      if ((await dialed.isConnected) && service.backends.includes(backend) && !client.destroyed)
        return joinSockets(client, dialed.socket)
      dialed.socket.destroy()
    }
    if (!client.destroyed) counts.unanswered++
    client.destroy()
  }

  function inTurn(service: Service): readonly Backend[] {
    const { backends } = service
    if (backends.length === 0) return []
    const first = service.next++ % backends.length
    return [...backends.slice(first), ...backends.slice(0, first)]
  }

  return {
    open(key, addresses) {
      const service = serviceOf(key)
      const opened = service.opening.then(() => openAll(service, addresses))
      service.opening = opened.catch(() => undefined)
      return opened
    },
    route(key, backends) {
      const service = services.get(key)
      if (!service) return
      // what stays is the same object: connections that are being dialled know it by that
      const known = new Map(service.backends.map((backend) => [`${backend.ip}:${backend.port}`, backend]))
      service.backends = backends.map(({ ip, port }) => known.get(`${ip}:${port}`) ?? { ip, port })
    },
    close,
    async closeAll() {
      await Promise.all([...services.keys()].map(close))
    },
    get counts() {
      let listeners = 0
      for (const service of services.values()) listeners += service.listeners.size
      return { listeners, ...counts }
    },
    connectionsOf: (key) => services.get(key)?.connections.size ?? 0,
  }
}

const nameOf = ({ host, port }: ListenAddress) => `${host}:${port}`

function listenSentence(address: ListenAddress, code: string): string {
  const name = nameOf(address)
  if (code === "EADDRINUSE") return `${name} is in use by another program.`
  if (code === "EADDRNOTAVAIL") return `${address.host} is not an address of this machine.`
  if (code === "EACCES") return `The server's account may not listen on ${name}: ports below 1024 need root.`
  return `${name} cannot be listened on (${code || "unknown error"}).`
}
