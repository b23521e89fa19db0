/**
 * The OpenAPI 3.1 documents of the families, made from their route tables and schemas. Loaded only when somebody
 * asks for a document.
 */
export { refusalsOf, openApiDocument } from "./document.ts"
export { apiFamilies } from "./families.ts"
export type { ApiFamilyName } from "./families.ts"
export type { ApiFamily, FamilyRoute } from "./family.ts"
export type {
  JsonSchema,
  OpenApiDocument,
  OperationObject,
  ParameterObject,
  ResponseObject,
} from "./types.ts"
