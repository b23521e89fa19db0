import type { Refusal } from "../common/index.ts"
import {
  busyError,
  credentialTexts,
  frameError,
  frameTexts,
  noService,
  notPermitted,
  ruleError,
  sameConfig,
  unexpectedError,
  type ServiceError,
} from "./errors.ts"
import { issuesText } from "./issues.ts"

type ServicesRefusal = Refusal & { readonly example: ServiceError | typeof busyError }

const missingName = { type: "missing", loc: ["body", "name"], msg: "Field required", input: "{}" }

/** What every status that the API refuses with means, and how it looks. */
export const refusals: Readonly<Record<number, ServicesRefusal>> = {
  400: {
    description:
      "A page after the last, a value that cannot be compared, or a body that cannot be read at all.",
    example: frameError(frameTexts.unreadable),
  },
  401: {
    description: "No token, or one that is unknown, expired or revoked; at a login a wrong password or key.",
    example: ruleError("CredentialsNotValid", credentialTexts.badPassword),
  },
  403: { description: "Known, but not allowed.", example: notPermitted("CREATE", "service") },
  404: {
    description: "There is no such thing, or the caller may not know of it.",
    example: noService("9f2a7c10-3d6e-4b3c-8a1f-5b0e2d9c4f77"),
  },
  409: { description: "There is a service with the same `config`.", example: sameConfig("churn-server") },
  413: { description: "The body is larger than 1 MiB.", example: frameError(frameTexts.tooLarge) },
  422: {
    description: "A path, a query or a body that is not of its form: every fault; or a filter: the first.",
    example: ["ValueError", issuesText("create", [missingName])],
  },
  429: { description: "Too many requests: see `Retry-After`.", example: busyError },
  500: {
    description: "A fault of the server.",
    example: unexpectedError("3b1c9d02"),
  },
  501: {
    description: "This server does not do it.",
    example: ruleError("NotImplementedError", "Devices are not authorized here."),
  },
  503: {
    description: "The server starts, shuts down, or its disk is full: see `Retry-After`.",
    example: ruleError("RuntimeError", "The server is starting."),
  },
  504: {
    description: "It took longer than 30 s and was given up.",
    example: ruleError("RuntimeError", "The request took too long and was given up."),
  },
}

/** What the parameters of paths mean. */
export const pathParameters: Readonly<Record<string, string>> = {
  service_id: "The service's id, a UUID.",
  stack_id: "The stack's id, a UUID.",
  project_name_or_id: "The project's name or id.",
}
