import type { Issue } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"

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

/** A service with its protocol in capitals, TCP where none is given; null for one that says nothing. */
export function normaliseService(service: JsonObject | null): JsonObject | null {
  if (service === null || Object.keys(service).length === 0) return null
  const protocol = typeof service["protocol"] === "string" ? service["protocol"].trim().toUpperCase() : ""
  return { ...service, protocol: protocol || "TCP" }
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
  if (type === "ClusterIP" || type === "NodePort") return null
  return {
    path: ["service", "serviceType"],
    message: "the service type only supports ClusterIP and NodePort",
  }
}

function checkServicePorts(service: JsonObject): Issue | null {
  const nodePort = service["nodePort"]
  return (
    checkPort("service", service["port"], ["service", "port"]) ??
    checkPort("service/target", service["targetPort"], ["service", "targetPort"]) ??
    (typeof nodePort === "number" && nodePort > 0
      ? checkPort("service/node", nodePort, ["service", "nodePort"])
      : null)
  )
}

function checkPort(name: string, port: unknown, path: readonly string[]): Issue | null {
  const number = typeof port === "number" ? port : 0
  if (Number.isInteger(number) && number >= 1 && number <= 65535) return null
  return { path, message: `The ${name} port(${number}) is invalid and needs to be between 1 and 65535` }
}
