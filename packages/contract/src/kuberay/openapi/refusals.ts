import type { Refusal } from "../../common/index.ts"

function refusal(description: string, code: number, message: string): Refusal {
  return { description, example: { code, message } }
}

/** What every status that the KubeRay API refuses with means, and how it looks (reference/kuberay-v1.md 4). */
export const kuberayRefusals: Readonly<Record<number, Refusal>> = {
  400: refusal(
    "The request breaks a rule (code 3), or what it is about is not ready for it (9).",
    3,
    "Cluster name is empty. Please specify a valid value.: Invalid input error: Cluster name is empty. Please specify a valid value.",
  ),
  401: refusal(
    "No token, or one that is unknown, expired or revoked.",
    16,
    "The token is unknown, expired or revoked.",
  ),
  403: refusal("Known, but not allowed.", 7, "The user is not allowed to make Ray objects."),
  404: refusal(
    "There is no such thing, or the caller may not know of it.",
    5,
    'Cluster foo not found: Get cluster failed.: NotFoundError: Cluster foo not found: rayclusters.ray.io "foo" not found',
  ),
  409: refusal(
    "It is there already (6), or it changed or is being deleted meanwhile (10).",
    6,
    "Compute template with name small already exists in namespace default",
  ),
  413: refusal("The body is larger than 2 MiB.", 8, "The body is larger than 2097152 bytes."),
  429: refusal(
    "The key asks too often, or there are as many as there may be: see `Retry-After`.",
    8,
    "Too many requests.",
  ),
  500: refusal("A fault of the server.", 13, "Something went wrong."),
  501: refusal("The path has no such method.", 12, "Method Not Allowed"),
  503: refusal("Starting, shutting down, or the cluster cannot be reached.", 14, "The server is starting."),
  504: refusal("It took longer than 30 s, or than `Grpc-Timeout` says.", 4, "context deadline exceeded"),
}

/** What parameters of paths mean. */
export const kuberayPathParameters: Readonly<Record<string, string>> = {
  namespace: "One of a workspace; each workspace has one of its own name.",
  name: "Name in the namespace.",
  clustername: "Name of a Ray cluster in the namespace.",
  submissionid: "Id of a submission.",
}
