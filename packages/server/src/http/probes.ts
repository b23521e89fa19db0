import type { FastifyInstance } from "fastify"
import type { Health } from "@berth/contract/berth"
import { authorize } from "../domain/identity/index.ts"
import type { Services } from "./services.ts"

/** What `/metrics` answers: Prometheus text. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
}

/** `/healthz`, `/readyz` (both open and early) and `/metrics` (open only where the configuration says so). */
export function addProbes(
  app: FastifyInstance,
  options: {
    readonly services: Services
    readonly metrics: Metrics
    readonly config: { readonly openMetrics: boolean }
  },
): void {
  const { services, metrics } = options
  const { openMetrics } = options.config
  app.get(
    "/healthz",
    { config: { operation: "probe.health", isOpen: true, isEarly: true } },
    (_request, reply) => {
      const health: Health = { status: "ok", message: "The server is alive." }
      return reply.header("cache-control", "no-store").send(health)
    },
  )
  app.get(
    "/readyz",
    { config: { operation: "probe.ready", isOpen: true, isEarly: true } },
    (_request, reply) => {
      const { isReady, message } = services.readiness()
      const health: Health = isReady ? { status: "ok", message } : { status: "unavailable", message }
      return reply
        .code(isReady ? 200 : 503)
        .header("cache-control", "no-store")
        .send(health)
    },
  )
  app.get(
    "/metrics",
    { config: { operation: "probe.metrics", isOpen: openMetrics, isEarly: openMetrics } },
    async (request, reply) => {
      if (!openMetrics) authorize(request.principal, "metrics.read", { workspaceId: null })
      return reply.type(metrics.contentType).send(await metrics.text())
    },
  )
}
