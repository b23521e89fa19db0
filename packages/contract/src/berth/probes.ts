import type { BerthRoute } from "./route.ts"
import { Health, JsonWebKeySet } from "./server.ts"

/** Routes outside of `/berth/v1` that watch over the server; errors are `ErrorBody` there too. */
export const probeRoutes = {
  health: {
    method: "GET",
    path: "/healthz",
    operation: "probe.health",
    summary: "Whether the server lives",
    description: "200 as long as the process answers, also while it starts.",
    isOpen: true,
    status: 200,
    answer: Health,
  },
  ready: {
    method: "GET",
    path: "/readyz",
    operation: "probe.ready",
    summary: "Whether the server is ready",
    description:
      "200 once it has recovered what ran and plans; until then 503 with the same form of body, which says what is missing.",
    isOpen: true,
    status: 200,
    answer: Health,
    others: { 503: Health },
  },
  jwks: {
    method: "GET",
    path: "/.well-known/jwks.json",
    operation: "well-known.jwks",
    summary: "The keys that tokens are signed with",
    description:
      "Tokens (JWT, RS256, 900 s) are what API keys are exchanged for. Clients need not look into them; whoever wants to verify one finds the key by its `kid` here.",
    isOpen: true,
    status: 200,
    answer: JsonWebKeySet,
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    operation: "probe.metrics",
    summary: "Figures for Prometheus",
    description: "Needs a token of a server owner or viewer, none with `--open-metrics`.",
    status: 200,
    media: { "text/plain": { description: "Prometheus text format." } },
  },
} as const satisfies Record<string, BerthRoute>
