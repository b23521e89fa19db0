export * from "./commands.ts"
export * from "./types.ts"
export * from "./entries.ts"
export { createServiceRecords } from "./records.ts"
export { createServiceRegisters } from "./registers.ts"
export * from "./watches/types.ts"
export * from "./watches/commands.ts"
export { createServiceWatches } from "./watches/service.ts"
export { writeFindings } from "./watches/findings.ts"
export {
  countProbe,
  mayBeOverruled,
  nextProbeInMs,
  nothingCounted,
  stateToShow,
  type WatchCount,
} from "./watches/step.ts"
export { standingOfRayService, standingOfWorkload } from "./joins.ts"
export { createServiceJoins, type Joinable, type ServiceJoins } from "./follow.ts"
