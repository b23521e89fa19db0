export * from "./operation.ts"
export * from "./wire.ts"
