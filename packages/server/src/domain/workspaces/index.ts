export * from "./types.ts"
export * from "./commands.ts"
export * from "./workspace-index.ts"
export { createWorkspaces } from "./service.ts"
