export * from "./types.ts"
export * from "./driver.ts"
export * from "./applications/types.ts"
export { replicaMoves } from "./applications/replica-states.ts"
export type { Probe } from "./probes.ts"
export { withEndpointsEnded } from "./endpoints/end-endpoints.ts"
export * from "./endpoints/listening.ts"
export { createRoutes, type Route, type Routes } from "./endpoints/routes.ts"
export {
  createEndpoints,
  type EndpointCommands,
  type EndpointService,
  type EndpointView,
} from "./endpoints/service.ts"
export * from "./commands.ts"
export { createRunner, type Runner } from "./runner.ts"
export { createWorkloads } from "./service.ts"
export { attemptMoves, isApplication, isTerminal, keepsPods, phaseMoves } from "./states.ts"
export { mainContainerOf } from "./naming.ts"
