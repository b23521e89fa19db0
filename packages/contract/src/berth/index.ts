/**
 * The wire of `/berth/v1`: what the published families lack. JSON in camelCase; instants are RFC 3339 in UTC with
 * milliseconds, lengths in seconds, amounts numbers with their unit in the name. Lists take `limit` and `cursor` and
 * answer `{ items, nextCursor }`. Errors are `ErrorBody`. A body with a member that is not known is refused.
 * The table of routes is `berthRoutes`; outside of it `GET /healthz`, `GET /readyz` (`Health`) and `GET /metrics`.
 */
export * from "./config-entries.ts"
export * from "./endpoints.ts"
export * from "./gpu-forecast.ts"
export * from "./gpu-requests.ts"
export * from "./gpu-settings.ts"
export * from "./identity.ts"
export * from "./inventory.ts"
export * from "./journal.ts"
export * from "./pods.ts"
export * from "./probes.ts"
export * from "./queue.ts"
export * from "./ray-routes.ts"
export * from "./ray.ts"
export * from "./refusals.ts"
export * from "./route.ts"
export * from "./routes.ts"
export * from "./server.ts"
export * from "./service-routes.ts"
export * from "./services.ts"
export * from "./workspaces.ts"
