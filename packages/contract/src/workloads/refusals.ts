import type { Refusal } from "../common/index.ts"
import type { WorkloadsError } from "./schemas.ts"

type WorkloadsRefusal = Refusal & { readonly example: WorkloadsError }

function refusal(description: string, errorCode: string, errorMessage: string): WorkloadsRefusal {
  return { description, example: { errorCode, errorMessage } }
}

/** What every status that the Workload API refuses with means, and how it looks. */
export const refusals: Readonly<Record<number, WorkloadsRefusal>> = {
  400: refusal(
    "The request breaks a rule; several faults stand in brackets.",
    "Primus.00002",
    "Bad request. the image is empty",
  ),
  401: refusal(
    "No token, or one that is unknown, expired or revoked.",
    "Primus.00009",
    "The user's token is invalid, please login first",
  ),
  403: refusal(
    "Known, but not allowed; also a change of resources, image, entryPoint or env after the dispatch of a job.",
    "Primus.00003",
    "The user is not allowed to create workload",
  ),
  404: refusal(
    "There is no such workload (`Primus.01001`), workspace (`Primus.02001`), pod or path (`Primus.00005`), or the caller may not know of it.",
    "Primus.01001",
    "Workload train-x7kqd not found.",
  ),
  409: refusal(
    "Its state does not allow it (`Primus.00012`), it changed meanwhile (`Primus.00010`), or its node port is another's (`Primus.00004`).",
    "Primus.00012",
    "The workload can only be edited when it is running.",
  ),
  413: refusal(
    "The body is larger than 2 MiB.",
    "Primus.00006",
    "Request entity is too large: the max length is 2097152 bytes",
  ),
  429: refusal(
    "The key asks too often, or another limit of the server: see `Retry-After`.",
    "Primus.00008",
    "Too many requests of this key; try again in 1 s.",
  ),
  500: refusal(
    "A fault of the server.",
    "Primus.00001",
    "Internal error. Something went wrong inside the server.",
  ),
  501: refusal("Not built yet.", "Primus.00007", "This is not possible yet."),
  503: refusal(
    "The declared inventory can never hold it (`Primus.00008`); or the server starts, shuts down, or its disk is full (`Primus.03001`, see `Retry-After`).",
    "Primus.00008",
    "Insufficient resource: request.replica: 9, total.replica: 4",
  ),
  504: refusal(
    "It took longer than 30 s and was given up.",
    "Primus.00001",
    "Internal error. The request took too long and was given up.",
  ),
}

/** What the parameters of paths mean. */
export const pathParameters: Readonly<Record<string, string>> = {
  id: "The workload's id.",
  podId: "The pod's id, as `pods` of the workload lists it.",
}
