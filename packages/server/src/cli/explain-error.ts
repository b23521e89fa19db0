import { BerthError, isUnreachable } from "@berth/sdk"
import { CliError } from "./cli-error.ts"
import { exitCodes } from "./exit-codes.ts"
import type { ServerPlace } from "./find-server.ts"
import { plainRayFault } from "./ray-fault.ts"

/** What a person reads when a command fails, and its exit code. */
export interface ErrorReport {
  readonly message: string
  readonly hints: readonly string[]
  readonly exitCode: number
}

/**
 * Words any error: what happened, and what to do. Never a stack, never a secret.
 * @param place which server was asked, and by what token
 */
export function explainError(error: unknown, place?: ServerPlace): ErrorReport {
  if (error instanceof CliError)
    return { message: error.message, hints: error.hint ? [error.hint] : [], exitCode: error.exitCode }
  if (error instanceof BerthError)
    return isUnreachable(error) ? unreachable(error, place) : refused(error, place)
  const message = error instanceof Error ? error.message : String(error)
  return { message, hints: [], exitCode: exitCodes.failure }
}

const whereIsIt = "Start the server with `berth up`, or say where it is: --server URL or BERTH_SERVER."
const lastLogin = "You signed in there last: `berth logout` forgets it, --server URL names another."

function unreachable(error: BerthError, place: ServerPlace | undefined): ErrorReport {
  const isUsage = error.code === "invalid"
  return {
    message: error.message,
    hints: isUsage ? [] : [place?.isLastLogin ? lastLogin : whereIsIt],
    exitCode: isUsage ? exitCodes.usage : exitCodes.notReachable,
  }
}

function refused(error: BerthError, place: ServerPlace | undefined): ErrorReport {
  const details = error.details
    .filter((detail) => detail.message !== "" && detail.message !== error.message)
    .map((detail) => (detail.path === "" ? detail.message : `${detail.path}: ${detail.message}`))
  const message = plainRayFault(error.message)
  const hints = [...details, ...adviceFor(error, message, place)]
  if (error.status === 500 && error.requestId) hints.push(`Request ${error.requestId} in the server's log.`)
  return { message, hints, exitCode: exitCodes.failure }
}

const submissions = "`berth ray status CLUSTER` lists what was sent to a cluster."

function listsFor(message: string): readonly string[] {
  const [kind = ""] = message.split(" ", 1)
  // the one that is meant where nobody named one
  if (message.startsWith("Workspace default "))
    return ["`berth workspace ls` lists those you have a role in: name one with -w, or in BERTH_WORKSPACE."]
  const list = {
    Workload: "`berth ps -a` lists the workloads there are.",
    Workspace: "`berth workspace ls` lists those you have a role in.",
    Node: "`berth nodes` lists the nodes.",
    User: "`berth users ls` lists the users.",
    Namespace: "`berth workspace ls` lists the workspaces you have a role in.",
    Ray: "`berth ray ls -A` lists the clusters, jobs and services there are.",
    Cluster: "`berth ray ls -A` lists the clusters there are.",
    Job: submissions,
    "JobSubmission.RayJob": submissions,
    Compute: "`berth ray templates -A` lists the compute templates there are.",
    Config: "`berth configmaps -A` lists the config maps there are.",
    Secret: "`berth secrets -A` lists the secrets there are.",
  }[kind]
  return list === undefined ? [] : [list]
}

function signInAdvice(place: ServerPlace | undefined): string {
  const { url = "", tokenFrom = "", login = null } = place ?? {}
  if (login) {
    const { userName, kind, expiresAt } = login
    // a new password, a freeze or a logout elsewhere ends it before its time
    const until = expiresAt === null ? "" : `, until ${expiresAt} at the latest`
    const how = kind === "session" ? `--user ${userName}` : "--key-stdin"
    return `You were signed in as ${userName}${until}. Sign in again: berth login --server ${url} ${how}`
  }
  if (tokenFrom !== "")
    return `The token is that of ${tokenFrom}: give another one, or sign in with \`berth login\`.`
  return "Sign in with `berth login`, give a key in BERTH_TOKEN, or run this on the server's machine as its account."
}

function unfreezing(message: string): string {
  return `A server owner can undo that: berth users unfreeze ${message.split(" ")[2]}`
}

function adviceFor(error: BerthError, message: string, place: ServerPlace | undefined): readonly string[] {
  switch (error.status) {
    case 401:
      return [signInAdvice(place)]
    case 403:
      if (/^The user \S+ is frozen\.$/.test(message)) return [unfreezing(message)]
      if (message.includes("the Ray cluster")) return ["Make one of your own: berth ray up NAME"]
      return [
        "`berth whoami` shows who you are; an owner of the workspace or the server can change what you may do.",
      ]
    case 404:
      return listsFor(message)
    case 429:
      return [
        error.retryAfterMs === null
          ? "Try again later."
          : `Try again in ${Math.ceil(error.retryAfterMs / 1000)} s.`,
      ]
    case 503:
      return error.code === "Primus.00008"
        ? ["`berth nodes` shows what there is."]
        : ["Try again in a moment."]
    default:
      return []
  }
}
