/**
 * The wire of the EGS API (reference/egs.md): signing in, workspaces, inventory, GPU requests, their templates and
 * bindings, API keys. Answers are envelopes, bodies are read whatever their content type, on GET and DELETE too, and null
 * or "" of what is optional is the same as absent.
 */
export * from "./answers.ts"
export * from "./api-key-schemas.ts"
export * from "./decode-api-key.ts"
export * from "./decode-gpr.ts"
export * from "./decode-gpr-template.ts"
export * from "./decode-gpr-template-binding.ts"
export * from "./decode-workspace.ts"
export { formatDuration } from "./duration.ts"
export * from "./envelope.ts"
export * from "./inventory-schemas.ts"
export * from "./refusals.ts"
export type { EgsRoute } from "./route.ts"
export * from "./routes.ts"
export * from "./schemas.ts"
export * from "./workspace-schemas.ts"
