/** The wire of every family; each is also a module of its own (`@berth/contract/berth`, …). */
export * from "./common/index.ts"
export * as berth from "./berth/index.ts"
export * as workloads from "./workloads/index.ts"
