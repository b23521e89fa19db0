import { readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import type { Config, ListenAddress } from "./config.ts"
import { isLoopbackHost } from "./config.ts"
import { configKeys } from "./config-keys.ts"
import { bindKey, type LiveDirectory } from "./domain/identity/index.ts"
import { createApp, type AppOptions } from "./http/app.ts"
import type { GrpcServer } from "./http/kuberay/grpc/server.ts"
import { createBoundListener, type BoundListener } from "./http/plugins/bound-listener.ts"
import type { Family } from "./http/plugins/family.ts"
import { createLimits, type Limits } from "./http/plugins/limits.ts"
import { publishedFamilies } from "./http/published-families.ts"
import { AppError } from "./kit/errors.ts"
import { connectionLimit } from "./open-files.ts"

/** What answers requests. */
export interface Listeners {
  /** Of the APIs: scheme, host and port, without a slash at the end. */
  readonly url: string
  /** Further addresses: what is there, and where. */
  readonly others: readonly { readonly what: string; readonly address: string }[]
  /** Tells those who watch the server's health. */
  readinessChanged(): void
  /** No new requests; ends when those that are being answered are, or their deadline is over. */
  close(): Promise<void>
}

export interface ListenersOptions extends Pick<
  AppOptions,
  "services" | "log" | "streams" | "meter" | "metrics" | "onRefused"
> {
  readonly config: Config
  readonly directory: LiveDirectory
  /** Sentences for `status`. */
  readonly warnings: () => readonly string[]
}

interface Tls {
  readonly key: string
  readonly cert: string
}

/** What the second listener answers for. */
const boundPaths = ["/apis/", "/swagger/", "/healthz"]

/**
 * Listens on every address of the configuration.
 * @throws AppError with detail `address_in_use`, `address_unusable`, `tls_unreadable` or `bound_key`; then on none
 */
export async function startListeners(options: ListenersOptions): Promise<Listeners> {
  const { config } = options
  const tls = readTls(config)
  const servers = await createServers(options, tls)
  const { app, bound, grpc } = servers
  const scheme = tls ? "https" : "http"
  const others: { what: string; address: string }[] = []
  const close = async (): Promise<void> => {
    await Promise.all([app.close(), grpc?.close()])
  }
  try {
    const port = await listening(config.listen, configKeys.listen.flag, async (address) => {
      await app.listen({ ...address })
      return (app.server.address() as AddressInfo).port
    })
    const { kuberayListen, grpcListen } = config
    if (bound && kuberayListen) {
      const boundPort = await listening(kuberayListen, configKeys.kuberayListen.flag, bound.listen)
      const who = kuberayListen.as === null ? "the owner" : `the key "${kuberayListen.as}"`
      others.push({
        what: `The KubeRay API for clients without a key, which act as ${who}`,
        address: `${scheme}://${addressText(kuberayListen.host, boundPort)}`,
      })
    }
    if (grpc && grpcListen) {
      const grpcPort = await listening(grpcListen, configKeys.grpcListen.flag, grpc.listen)
      const what = tls ? "The KubeRay API over gRPC, with TLS" : "The KubeRay API over gRPC"
      others.push({ what, address: addressText(grpcListen.host, grpcPort) })
    }
    const url = `${scheme}://${addressText(config.listen.host, port)}`
    return { url, others, readinessChanged: () => grpc?.readinessChanged(), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function createServers(options: ListenersOptions, tls: Tls | undefined) {
  const { config, services, log, streams, meter, metrics, onRefused, warnings } = options
  const families = publishedFamilies(
    {
      streams,
      noAuth: config.noAuth,
      openDocuments: config.openMetrics,
      startedAtMs: services.clock.nowMs(),
      warnings,
    },
    config.egs,
  )
  const limits = createLimits({ keyLimit: config.rateLimit }, services.clock)
  const bound = boundListener(options, families, tls)
  const app = await createApp({
    services,
    log,
    streams,
    meter,
    metrics,
    ...(onRefused ? { onRefused } : {}),
    config: {
      noAuth: config.noAuth,
      allowedHosts: allowedHosts(config),
      behindProxy: config.behindProxy,
      openMetrics: config.openMetrics,
      listenIsLoopback: isLoopbackHost(config.listen.host),
      mostConnections: connectionLimit(),
    },
    limits,
    families,
    ...(bound ? { bound } : {}),
    ...(tls ? { tls } : {}),
  })
  const grpc = await grpcServer(options, limits, tls)
  return { app, bound, grpc }
}

/** Loaded only where it is wanted: its libraries take some memory. */
async function grpcServer(
  options: ListenersOptions,
  limits: Limits,
  tls: Tls | undefined,
): Promise<GrpcServer | undefined> {
  const { config, services, log, meter, onRefused } = options
  if (config.grpcListen === null || !services.ray) return undefined
  const { createGrpcServer } = await import("./http/kuberay/grpc/server.ts")
  return createGrpcServer({
    services,
    ray: services.ray,
    log,
    meter,
    limits,
    noAuth: config.noAuth,
    allowedHosts: allowedHosts(config),
    behindProxy: config.behindProxy,
    openDocuments: config.openMetrics,
    mostConnections: connectionLimit(),
    ...(onRefused ? { onRefused } : {}),
    ...(tls ? { tls } : {}),
  })
}

function allowedHosts({ listen, kuberayListen, grpcListen, allowHost }: Config): readonly string[] {
  return [listen, kuberayListen, grpcListen].flatMap((address) => address?.host ?? []).concat(allowHost)
}

function boundListener(
  { config, services, directory }: ListenersOptions,
  families: readonly Family[],
  tls: Tls | undefined,
): BoundListener | undefined {
  const { kuberayListen } = config
  const family = families.find(({ name }) => name === "kuberay")
  if (kuberayListen === null || !family) return undefined
  const { as } = kuberayListen
  return createBoundListener({
    family,
    paths: boundPaths,
    // without a key only under `noAuth`, which the configuration sees to
    act: as === null ? (from) => directory.local(from) : bindKey(directory, as, services.clock.nowMs()),
    mostConnections: connectionLimit(),
    ...(tls ? { tls } : {}),
  })
}

/**
 * Listens, with faults that say what to do.
 * @param flag of the setting
 * @returns the port
 */
async function listening(
  { host, port }: ListenAddress,
  flag: string,
  listen: (address: ListenAddress) => Promise<number>,
): Promise<number> {
  try {
    return await listen({ host, port })
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
    if (code === "EADDRINUSE")
      throw new AppError(
        "conflict",
        `Another program listens on ${addressText(host, port)} already: choose another with ${flag}.`,
        { detail: "address_in_use", cause },
      )
    throw new AppError(
      "invalid",
      `The server cannot listen on ${addressText(host, port)} (${code || String(cause)}).`,
      { detail: "address_unusable", cause },
    )
  }
}

function readTls({ tlsCert, tlsKey }: Config): Tls | undefined {
  if (tlsCert === null || tlsKey === null) return undefined
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8")
    } catch (cause) {
      throw new AppError("invalid", `The TLS file ${path} cannot be read.`, {
        detail: "tls_unreadable",
        cause,
      })
    }
  }
  return { cert: read(tlsCert), key: read(tlsKey) }
}

/** As a client on this machine reaches it. */
function addressText(host: string, port: number): string {
  if (host === "0.0.0.0") return `127.0.0.1:${port}`
  if (host === "::") return `[::1]:${port}`
  return `${host.includes(":") ? `[${host}]` : host}:${port}`
}
