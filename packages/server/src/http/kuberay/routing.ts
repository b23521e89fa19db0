import { kuberayRoutes, type KuberayRoute, type KuberayRouteName } from "@berth/contract/kuberay"

/** What a request's method and path ask for. */
export type Routed =
  /** `parameters`: fields of the request, percent signs resolved; the last may be empty. */
  | {
      readonly kind: "route"
      readonly name: KuberayRouteName
      readonly parameters: Readonly<Record<string, string>>
    }
  | { readonly kind: "redirect"; readonly location: string }
  | { readonly kind: "method" | "nothing" }

const patterns = (Object.keys(kuberayRoutes) as KuberayRouteName[]).map((name) => {
  const { method, path }: KuberayRoute = kuberayRoutes[name]
  return { name, method, steps: path.split("/") }
})

/**
 * Routes as upstream's gateway does (reference/kuberay-v1.md 1.2): a path that is not clean is sent to the clean one,
 * percent signs are resolved before the path is taken apart, and a method that a path does not have is not
 * implemented rather than not there.
 * @param url path and query as the client sent them
 */
export function routeOf(method: string, url: string): Routed {
  const end = url.indexOf("?")
  const path = end === -1 ? url : url.slice(0, end)
  const clean = cleanPath(path)
  if (clean !== path) return { kind: "redirect", location: end === -1 ? clean : clean + url.slice(end) }
  const steps = stepsOf(path)
  const found = patterns.flatMap((pattern) => {
    const parameters = parametersOf(pattern.steps, steps)
    return parameters ? [{ ...pattern, parameters }] : []
  })
  const match = found.find((pattern) => pattern.method === method)
  if (match) return { kind: "route", name: match.name, parameters: match.parameters }
  return { kind: found.length > 0 ? "method" : "nothing" }
}

/** Without empty, `.` and `..` steps; a slash at the end stays. */
function cleanPath(path: string): string {
  const kept: string[] = []
  const steps = path.split("/").slice(1)
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1
    if (step === "..") kept.pop()
    else if (step !== "" && step !== ".") kept.push(step)
    if (isLast && step === "" && kept.length > 0) kept.push("")
  }
  return `/${kept.join("/")}`
}

function stepsOf(path: string): readonly string[] {
  try {
    return decodeURIComponent(path).split("/")
  } catch {
    // The application refuses such a path before it comes here.
    return []
  }
}

function parametersOf(
  pattern: readonly string[],
  steps: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== steps.length) return undefined
  const parameters: Record<string, string> = {}
  for (const [index, wanted] of pattern.entries()) {
    const step = steps[index] ?? ""
    if (wanted.startsWith(":")) parameters[wanted.slice(1)] = step
    else if (wanted !== step) return undefined
  }
  return parameters
}
