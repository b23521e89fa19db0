export * from "./ports.ts"
export * from "./backup.ts"
