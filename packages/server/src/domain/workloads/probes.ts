import type { Issue } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"
import { nodePorts } from "./endpoints/addresses.ts"

/** Port rules and texts of reference/workloads.md 2.7 and 2.8. null = no fault. */

/** Reference 2.7: what an absent number of a probe, or 0, means. */
const probeDefaults = { initialDelaySeconds: 600, periodSeconds: 3, failureThreshold: 3 }

/** A probe with its defaults filled in; null for one that says nothing. */
export function normaliseProbe(probe: JsonObject | null): JsonObject | null {
  if (probe === null || Object.keys(probe).length === 0) return null
  const given = Object.entries(probeDefaults).map(([name, fallback]) => {
    const value = probe[name]
    return [name, typeof value === "number" && value > 0 ? value : fallback]
  })
  return { ...probe, ...Object.fromEntries(given) }
}

/** What a Deployment's rollout may miss and add where nothing is said (reference/workloads.md 2.8, 11). */
export const defaultRolloutShare = "25%"
const rolloutShares = ["maxUnavailable", "maxSurge"] as const

/**
 * A service with its protocol in capitals, TCP where none is given; null for one that says nothing.
 * @param isRolledOut whether its workload is a Deployment: the shares of its rollout are filled in
 */
export function normaliseService(service: JsonObject | null, isRolledOut = false): JsonObject | null {
  if (service === null || Object.keys(service).length === 0) return null
  const protocol = typeof service["protocol"] === "string" ? service["protocol"].trim().toUpperCase() : ""
  const named = { ...service, protocol: protocol || "TCP" }
  if (!isRolledOut) return named
  const shares = Object.fromEntries(rolloutShares.map((name) => [name, defaultRolloutShare]))
  return { ...named, extends: { ...shares, ...extendsOf(service) } }
}

function extendsOf(service: JsonObject): JsonObject {
  const given = service["extends"]
  return typeof given === "object" && given !== null && !Array.isArray(given) ? (given as JsonObject) : {}
}

/** `25%` of a number, rounded down, or a number; null for anything else. */
export function readShare(text: string, of: number): number | null {
  const match = /^(\d{1,9})(%?)$/.exec(text.trim())
  if (!match) return null
  const number = Number(match[1])
  if (match[2] === "") return number
  return number <= 100 ? Math.floor((number * of) / 100) : null
}

function checkShares(service: JsonObject): Issue | null {
  const given = extendsOf(service)
  for (const name of rolloutShares) {
    const value = given[name]
    if (typeof value === "string" && readShare(value, 1) === null)
      return {
        path: ["service", "extends", name],
        message: `the ${name}(${value}) of the service is invalid, it must be a number or a percentage such as 25%`,
      }
  }
  return null
}

/** The first fault of a probe, or null. */
export function checkProbe(name: "liveness" | "readiness", probe: JsonObject | null): Issue | null {
  if (probe === null || Object.keys(probe).length === 0) return null
  const path = probe["path"]
  if (typeof path !== "string" || path === "")
    return { path: [name, "path"], message: `the path for ${name} is not found` }
  return checkPort(name, probe["port"], [name, "port"])
}

/** The first fault of a normalised service, or null. */
export function checkService(service: JsonObject | null): Issue | null {
  if (service === null || Object.keys(service).length === 0) return null
  if (service["protocol"] !== "TCP" && service["protocol"] !== "UDP")
    return { path: ["service", "protocol"], message: "the service protocol only supports TCP and UDP" }
  const ports = checkServicePorts(service)
  if (ports) return ports
  const type = service["serviceType"]
  if (type === "ClusterIP" || type === "NodePort") return checkShares(service)
  return {
    path: ["service", "serviceType"],
    message: "the service type only supports ClusterIP and NodePort",
  }
}

function checkServicePorts(service: JsonObject): Issue | null {
  const nodePort = service["nodePort"]
  // a ClusterIP service has no use for it, but a number that can be no port is refused all the same
  const range = service["serviceType"] === "NodePort" ? nodePorts : anyPort
  return (
    checkPort("service", service["port"], ["service", "port"]) ??
    checkPort("service/target", service["targetPort"], ["service", "targetPort"]) ??
    (typeof nodePort === "number" && nodePort > 0
      ? checkPort("service/node", nodePort, ["service", "nodePort"], range)
      : null)
  )
}

const anyPort = { first: 1, last: 65_535 } as const

function checkPort(
  name: string,
  port: unknown,
  path: readonly string[],
  { first, last }: { readonly first: number; readonly last: number } = anyPort,
): Issue | null {
  const number = typeof port === "number" ? port : 0
  if (Number.isInteger(number) && number >= first && number <= last) return null
  return {
    path,
    message: `The ${name} port(${number}) is invalid and needs to be between ${first} and ${last}`,
  }
}

/** A probe of an application's pod: HTTP GET (reference/workloads.md 2.7). */
export interface Probe {
  readonly path: string
  /** 1–65535. */
  readonly port: number
  /** Failures count from then on, successes at once. */
  readonly initialDelaySeconds: number
  readonly periodSeconds: number
  /** Failures in a row that make it fail. */
  readonly failureThreshold: number
}

/** A normalised and checked probe of a spec; null for none. */
export function probeOf(probe: JsonObject | null): Probe | null {
  if (probe === null) return null
  const number = (name: string, fallback: number) => {
    const value = probe[name]
    return typeof value === "number" && value > 0 ? value : fallback
  }
  return {
    path: typeof probe["path"] === "string" ? probe["path"] : "/",
    port: number("port", 0),
    initialDelaySeconds: number("initialDelaySeconds", probeDefaults.initialDelaySeconds),
    periodSeconds: number("periodSeconds", probeDefaults.periodSeconds),
    failureThreshold: number("failureThreshold", probeDefaults.failureThreshold),
  }
}

/** The port of a workload's pods that is reached under an address of its own (reference/workloads.md 2.8). */
export interface ServicePort {
  readonly protocol: "TCP" | "UDP"
  readonly port: number
  readonly targetPort: number
  /** 0 = none asked for. */
  readonly nodePort: number
  readonly type: "ClusterIP" | "NodePort"
  /** The texts of `extends`, e.g. `maxUnavailable`. */
  readonly extends: Readonly<Record<string, string>>
}

/** A normalised and checked service of a spec; null for none. */
export function serviceOf(service: JsonObject | null): ServicePort | null {
  if (service === null) return null
  const number = (name: string) => (typeof service[name] === "number" ? service[name] : 0)
  const texts = Object.entries(extendsOf(service))
  return {
    protocol: service["protocol"] === "UDP" ? "UDP" : "TCP",
    port: number("port"),
    targetPort: number("targetPort"),
    nodePort: number("nodePort"),
    type: service["serviceType"] === "NodePort" ? "NodePort" : "ClusterIP",
    extends: Object.fromEntries(
      texts.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  }
}
