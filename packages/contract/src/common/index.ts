export * from "./operation.ts"
export * from "./result.ts"
export * from "./service-states.ts"
export * from "./wire.ts"
