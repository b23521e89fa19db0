/** A JSON Schema (2020-12) as it stands in a document. */
export type JsonSchema = Readonly<Record<string, unknown>>

export interface MediaTypeObject {
  readonly schema: JsonSchema
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}

export interface ResponseObject {
  readonly description: string
  readonly content?: Readonly<Record<string, MediaTypeObject>>
  readonly headers?: Readonly<Record<string, unknown>>
  /** The answer may also have no body at all. */
  readonly "x-may-be-empty"?: boolean
}

export interface ParameterObject {
  readonly name: string
  readonly in: "path" | "query" | "header"
  readonly required: boolean
  readonly description: string
  readonly schema: JsonSchema
}

export interface OperationObject {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly ParameterObject[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: Readonly<Record<string, MediaTypeObject>>
  }
  /** By status. */
  readonly responses: Readonly<Record<string, ResponseObject | { readonly $ref: string }>>
}

/** One family's document: OpenAPI 3.1. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0"
  readonly info: Readonly<Record<string, unknown>>
  readonly servers: readonly { readonly url: string; readonly description: string }[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly tags: readonly { readonly name: string; readonly description?: string }[]
  /** By path (`/berth/v1/nodes/{name}`), then method in lower case. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>
    readonly responses: Readonly<Record<string, ResponseObject>>
    readonly securitySchemes: Readonly<Record<string, unknown>>
  }
}
