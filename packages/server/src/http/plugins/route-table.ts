import type { FastifyInstance } from "fastify"

/** Which methods the registered routes have at a path. */
export interface RouteTable {
  /** In order of registration; empty for a path without a route. Asked only when a request found none. */
  methodsOf(url: string): readonly string[]
}

/** Notes every route that is added to the application from now on. */
export function createRouteTable(app: FastifyInstance): RouteTable {
  const patterns = new Map<string, { readonly matches: RegExp; readonly methods: Set<string> }>()
  app.addHook("onRoute", (route) => {
    const entry = patterns.get(route.url) ?? { matches: patternOf(route.url), methods: new Set<string>() }
    for (const method of [route.method].flat()) entry.methods.add(method)
    patterns.set(route.url, entry)
  })
  return {
    methodsOf(url) {
      const path = url.split("?", 1)[0] ?? ""
      const found = new Set<string>()
      for (const { matches, methods } of patterns.values())
        if (matches.test(path)) for (const method of methods) found.add(method)
      return [...found]
    },
  }
}

/** `/a/:b/c` → `^/a/[^/]+/c$`; a `*` at the end takes the rest. */
function patternOf(route: string): RegExp {
  const steps = route.split("/").map((step) => {
    if (step.startsWith(":")) return "[^/]+"
    return step === "*" ? ".*" : step.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  })
  return new RegExp(`^${steps.join("/")}$`)
}
