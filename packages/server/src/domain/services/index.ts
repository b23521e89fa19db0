export * from "./commands.ts"
export * from "./types.ts"
export { createServiceRecords } from "./records.ts"
export { createServiceRegisters } from "./registers.ts"
