import { AppError } from "../../../kit/errors.ts"
import type { Principal } from "../../identity/index.ts"
import type { AskedClusterSpec } from "../commands.ts"
import type { RayClustersOptions } from "./options.ts"

/**
 * Refuses a path of the machine to whoever is not the server's owner, unless it is one that the server allows or
 * below it. What is a link there is for the backend to find out.
 * @throws AppError `forbidden`, detail `host_path`
 */
export function refuseHostPaths(
  { hostPathAllow }: Pick<RayClustersOptions, "hostPathAllow">,
  { serverRole }: Principal,
  asked: AskedClusterSpec | null,
): void {
  if (serverRole === "owner" || !asked) return
  for (const { volumes } of [asked.head, ...asked.workers])
    for (const { name, type, source } of volumes)
      if (type === "hostPath" && !isBelowAny(source, hostPathAllow))
        throw new AppError(
          "forbidden",
          `The volume ${name} is the path ${source} of the machine: only server owners may mount it, or what local.hostPathAllow names.`,
          { resource: "path", name: source, detail: "host_path" },
        )
}

function isBelowAny(path: string, allowed: readonly string[]): boolean {
  const steps = path.split("/").filter((step) => step !== "" && step !== ".")
  if (!path.startsWith("/") || steps.includes("..")) return false
  const whole = `/${steps.join("/")}`
  return allowed.some((each) => whole === each || whole.startsWith(`${each}/`))
}
