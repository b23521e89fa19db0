/**
 * The wire of the EGS API (reference/egs.md): GPU requests, their templates and bindings. Answers are envelopes, bodies
 * are read whatever their content type, on GET and DELETE too, and null or "" of what is optional is the same as absent.
 */
export * from "./answers.ts"
export * from "./decode-gpr.ts"
export * from "./decode-gpr-template.ts"
export * from "./decode-gpr-template-binding.ts"
export { formatDuration } from "./duration.ts"
export * from "./envelope.ts"
export * from "./refusals.ts"
export * from "./routes.ts"
export * from "./schemas.ts"
