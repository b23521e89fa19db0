export * from "./ports.ts"
export * from "./backup.ts"
export * from "./idempotency.ts"
export * from "./refusals.ts"
