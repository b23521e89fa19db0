import type { Members } from "./members.ts"
import { readInt, readList, readMembers, readText, readTextMap } from "./members.ts"
import type { Probe, ServiceSpec } from "./schemas.ts"

/** A cron entry as sent; "" where a member is absent. */
export interface DecodedCronJob {
  readonly schedule: string
  readonly action: string
}

/** `cronJobs`; undefined when absent. */
export function readCronJobs(members: Members): readonly DecodedCronJob[] | undefined {
  return readList(members, "cronJobs", "v1.CronJob", (job) => ({
    schedule: readText(job, "schedule") ?? "",
    action: readText(job, "action") ?? "",
  }))
}

/** `liveness` or `readiness`, with the members that were sent; null when absent. */
export function readProbe(members: Members, key: "liveness" | "readiness"): Partial<Probe> | null {
  const probe = readMembers(members, key, "v1.HealthCheck")
  if (!probe) return null
  return dropAbsent({
    path: readText(probe, "path"),
    port: readInt(probe, "port"),
    initialDelaySeconds: readInt(probe, "initialDelaySeconds"),
    periodSeconds: readInt(probe, "periodSeconds"),
    failureThreshold: readInt(probe, "failureThreshold"),
  })
}

/** `service`, with the members that were sent; null when absent. */
export function readService(members: Members): Partial<ServiceSpec> | null {
  const service = readMembers(members, "service", "v1.Service")
  if (!service) return null
  return dropAbsent({
    protocol: readText(service, "protocol"),
    port: readInt(service, "port"),
    nodePort: readInt(service, "nodePort"),
    targetPort: readInt(service, "targetPort"),
    serviceType: readText(service, "serviceType"),
    extends: readTextMap(service, "extends"),
  })
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The same object without the members that are undefined. */
export function dropAbsent<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Present<T>
}
