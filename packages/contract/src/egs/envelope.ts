import { Type, type Static, type TSchema } from "typebox"
import { int, text } from "../common/index.ts"

/*
 * Success and refusal as reference/egs.md 1.1 has them. Strict clients take no member beyond these: what else an
 * answer has to say stands in its headers.
 */

/** A success. */
export interface Envelope<T extends object> {
  readonly statusCode: 200
  readonly status: "OK"
  readonly message: "Success"
  readonly data: T
}

/** The members of a success in their order; `data` is always an object. */
export function envelope<T extends object>(data: T): Envelope<T> {
  return { statusCode: 200, status: "OK", message: "Success", data }
}

/** The schema of a success. */
export function EnvelopeOf<T extends TSchema>(data: T, description: string) {
  return Type.Object(
    {
      statusCode: Type.Literal(200, { description: "The HTTP status." }),
      status: Type.Literal("OK", { description: "OK." }),
      message: Type.Literal("Success", { description: "Success." }),
      data,
    },
    { description },
  )
}

/** `data` where there is nothing to say. */
export const NothingSchema = Type.Object({}, { description: "Nothing." })

export const ErrorSchema = Type.Object(
  {
    statusCode: int("The HTTP status."),
    status: text("A word for the kind of refusal: `UNAUTHENTICATED`, `Error`, …"),
    message: text("What is wrong, in short."),
    data: Type.Optional(
      Type.Null({
        description: "Null; not there where the request was turned away before it was looked into.",
      }),
    ),
    error: Type.Object(
      {
        errorKey: text('As `status`, or "".'),
        message: text("As `message`."),
        data: Type.Union([Type.String(), Type.Null()], {
          description:
            'JSON as text: `{"error":{"Message","Status","DetailedError":{"Errormessage","Reason","Details"},"StatusCode","ReferenceDocumentation"}}`; null where the request was turned away before it was looked into.',
        }),
      },
      { description: "The refusal." },
    ),
  },
  { description: "A refusal." },
)
export type EgsError = Static<typeof ErrorSchema>

/** One place of a request that the server refuses, in `Details`. */
export interface DetailRow {
  readonly reason: string
  readonly message: string
  readonly field: string
}

/** What `error.data` says about a refusal. */
export interface DetailedError {
  /** What was being done: `Error while deleting GPR`. */
  readonly message: string
  readonly status: number
  /** What is wrong. */
  readonly errorMessage: string
  /** `NotFound`, `AlreadyExists`, `Invalid` or "". */
  readonly reason: string
  readonly details: "" | readonly DetailRow[]
  /** A URL, or `NA`. */
  readonly documentation: string
}

/** `error.data`: compact JSON, its keys in the documented order. */
export function detailedErrorText(detailed: DetailedError): string {
  const { message, status, errorMessage, reason, details, documentation } = detailed
  const rows = details === "" ? "" : details.map(({ reason, message, field }) => ({ reason, message, field }))
  return JSON.stringify({
    error: {
      Message: message,
      Status: status,
      DetailedError: { Errormessage: errorMessage, Reason: reason, Details: rows },
      StatusCode: status,
      ReferenceDocumentation: documentation,
    },
  })
}
