import type { ServeView } from "../ports.ts"
import type { ServeApplication } from "../types.ts"

const running = "RUNNING"
const badStatuses: readonly string[] = ["DEPLOY_FAILED", "UNHEALTHY"]
/** Ray puts whole tracebacks into its messages. */
const mostMessageLength = 4096
const mostWhyLength = 500

/** Every wanted application is there and runs; what is there besides is being taken away. */
export function areWell(view: ServeView | undefined, wanted: readonly string[]): boolean {
  if (!view) return false
  const runs = new Set(view.applications.filter(({ status }) => status === running).map(({ name }) => name))
  return wanted.every((name) => runs.has(name))
}

/** A wanted application failed, which is not the same as that it does not run yet. */
export function isBad(view: Pick<ServeView, "applications">, wanted: readonly string[]): boolean {
  return badOf(view, wanted) !== undefined
}

/** The first wanted application that failed, and why: the end of what Ray says. */
export function badOf(
  { applications }: Pick<ServeView, "applications">,
  wanted: readonly string[],
): { readonly name: string; readonly status: string; readonly why: string } | undefined {
  const bad = applications.find(({ name, status }) => wanted.includes(name) && badStatuses.includes(status))
  if (!bad) return undefined
  const why = bad.message.trim().split("\n").at(-1)?.trim().slice(0, mostWhyLength) ?? ""
  return { name: bad.name, status: bad.status, why: why === "" ? "Ray says no reason." : why }
}

/** What is kept and shown of Serve's answer: by name, so that the same is the same. */
export function applicationsOf(view: ServeView): readonly ServeApplication[] {
  return inOrder(view.applications).map(({ name, status, message, deployments }) => ({
    name,
    status,
    message: message.slice(0, mostMessageLength),
    deployments: inOrder(deployments).map((deployment) => ({
      name: deployment.name,
      status: deployment.status,
      message: deployment.message.slice(0, mostMessageLength),
    })),
  }))
}

function inOrder<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
