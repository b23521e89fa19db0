/** What the OpenAPI document of the KubeRay API is made from. Loaded only when somebody asks for it. */
export * from "./examples.ts"
export * from "./refusals.ts"
export { bodySchema, messageSchema, namedSchemas, querySchema } from "./schemas.ts"
