export * from "./operation.ts"
export * from "./result.ts"
export * from "./wire.ts"
