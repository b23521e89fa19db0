import type { TSchema } from "typebox"
import type { RouteNotes } from "../common/index.ts"

/** One route of the API, for documents. `path` is whole. Success is always 200. */
export interface EgsRoute extends RouteNotes {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  readonly path: string
  readonly tag: string
  readonly summary: string
  readonly query?: TSchema
  readonly body?: TSchema
  /** Of the 200. */
  readonly answer: TSchema
}
