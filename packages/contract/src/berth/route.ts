import type { TSchema } from "typebox"
import type { RouteNotes } from "../common/index.ts"

/** One route of `/berth/v1`. */
export interface BerthRoute extends RouteNotes {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Parameters as `:name`. */
  readonly path: string
  /** What it does, for metrics and documentation. */
  readonly operation: string
  readonly summary: string
  readonly query?: TSchema
  readonly body?: TSchema
  /** Of a success. */
  readonly status: 200 | 201 | 202 | 204
  /** Absent: no body, or not JSON. */
  readonly answer?: TSchema
}
