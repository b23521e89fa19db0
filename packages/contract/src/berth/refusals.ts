import type { Refusal } from "../common/index.ts"
import type { ErrorBody } from "./server.ts"

type BerthRefusal = Refusal & { readonly example: ErrorBody }

function refusal(
  description: string,
  code: string,
  message: string,
  details: ErrorBody["details"] = [],
): BerthRefusal {
  return { description, example: { code, message, details, requestId: "req_01KCD0SFT3V7C9F4M5Q6R7S8T9" } }
}

/** What every status that `/berth/v1` refuses with means, and how it looks. */
export const refusals: Readonly<Record<number, BerthRefusal>> = {
  400: refusal(
    "The request breaks a rule; `details` names each place.",
    "invalid",
    "The query does not have the right form.",
    [{ path: "limit", message: "must be an integer from 1 to 1000" }],
  ),
  401: refusal(
    "No token, or one that is unknown, expired or revoked.",
    "unauthenticated",
    "The token is unknown, expired or revoked.",
  ),
  403: refusal(
    "Known, but not allowed; also a Host or an Origin that the server does not answer.",
    "forbidden",
    "The user is not allowed to cordon nodes.",
  ),
  404: refusal(
    "There is no such thing, or the caller may not know of it.",
    "not_found",
    "Node node-7 not found.",
  ),
  405: refusal("The path has other methods: see `Allow`.", "not_found", "PUT is not possible here."),
  409: refusal(
    "The state does not allow it (`conflict`), the name is taken (`already_exists`), or it changed meanwhile (`stale`: read again).",
    "already_exists",
    'There is a user "ann" already.',
  ),
  410: refusal(
    "The cursor is older than what is kept.",
    "not_found",
    "The events after this cursor are not kept.",
  ),
  413: refusal(
    "The body is larger than 64 KiB; for config maps and secrets 2 MiB.",
    "too_large",
    "The body is larger than 65536 bytes.",
  ),
  422: refusal("What the server has can never hold it.", "insufficient", "No node has 16 GPUs."),
  429: refusal(
    "The key asks too often, or another limit of the server: see `Retry-After`.",
    "too_many",
    "All 256 streams of the server are in use.",
  ),
  500: refusal("A fault of the server.", "internal", "Something went wrong inside the server."),
  501: refusal("Not built yet.", "unimplemented", "This is not possible yet."),
  503: refusal(
    "Starting, shutting down, or its disk is full: see `Retry-After`.",
    "unavailable",
    "The server is still recovering.",
  ),
  504: refusal(
    "It took longer than 30 s and was given up.",
    "timeout",
    "The request took too long and was given up.",
  ),
}

/** What the parameters of paths mean, where a route does not say otherwise. */
export const pathParameters: Readonly<Record<string, string>> = {
  id: "The workspace.",
  name: "The node's name or id.",
  user: "The user's name or id.",
  workloadId: "The workload.",
  podId: "The pod.",
  template: "The template's name.",
  namespace: "The namespace.",
}
