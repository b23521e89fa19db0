import type { TSchema } from "typebox"
import type { Refusal, RouteNotes } from "../common/index.ts"

/** A row of a family's route table in the form that all families share. */
export interface FamilyRoute extends RouteNotes {
  /** Unique in its document. */
  readonly id: string
  readonly tag: string
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Whole, parameters as `:name`. */
  readonly path: string
  readonly summary: string
  readonly query?: TSchema
  readonly body?: TSchema
  readonly isBodyRequired: boolean
  /** Of a success. */
  readonly status: number
  /** Absent or Null: no body, or not JSON. */
  readonly answer?: TSchema
}

/** What the document of a family is made from. */
export interface ApiFamily {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly routes: readonly FamilyRoute[]
  /** The exports of its module: the names of its schemas. */
  readonly schemas: Readonly<Record<string, unknown>>
  readonly errorSchema: TSchema
  /** Every status that it can refuse with. */
  readonly refusals: Readonly<Record<number, Refusal>>
  /** What parameters of paths mean. */
  readonly params: Readonly<Record<string, string>>
}

/** What holds of every family. */
export const anywhere = `
Any answer has an \`X-Request-Id\`: the one that the request brought, or a new one. A HEAD is answered like the GET
without its body. A POST with an \`Idempotency-Key\` (1 to 255 visible ASCII characters; not where keys are made) is
carried out once: whenever it comes again within a day it is answered as the first time, with
\`Idempotent-Replayed: true\`; with another body it gets 422, while the first one still runs (20 s are waited) 429,
and 409 where the first answer was lost with the server. A request that is not well-formed HTTP gets 400, one whose head is larger than 16 KiB 431, one that
does not arrive within 60 s 408, all in the same form as other errors.`
