import type { Issue } from "../../kit/errors.ts"
import type { JsonObject } from "../../kit/json.ts"

/** Port rules and texts of reference/workloads.md 2.7 and 2.8. null = no fault. */

/** The first fault of a probe, or null. */
export function checkProbe(name: "liveness" | "readiness", probe: JsonObject | null): Issue | null {
  if (probe === null || Object.keys(probe).length === 0) return null
  const path = probe["path"]
  if (typeof path !== "string" || path === "")
    return { path: [name, "path"], message: `the path for ${name} is not found` }
  return checkPort(name, probe["port"], [name, "port"])
}

/** The first fault of a service, or null. */
export function checkService(service: JsonObject | null): Issue | null {
  if (service === null || Object.keys(service).length === 0) return null
  const protocol = typeof service["protocol"] === "string" ? service["protocol"].trim().toUpperCase() : ""
  if (!["", "TCP", "UDP"].includes(protocol))
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
