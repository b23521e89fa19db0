export * from "./types.ts"
export * from "./commands.ts"
export * from "./rights.ts"
export * from "./authorize.ts"
