import type { KuberayRouteName } from "@berth/contract/kuberay"
import { AppError } from "../../kit/errors.ts"
import { operationWords, type OperationWords } from "./words.ts"

/** What a request is about, as its errors name it. */
export interface Subject {
  readonly namespace: string
  readonly name: string
  /** What stands beside the namespace where something could not be made: a job's id (sic), else the name. */
  readonly madeAs: string
  /** The compute template that is looked up first; "" = none is. */
  readonly template: string
}

/** Detail of what a check of the request says, and of what has its final words already. */
export const details = { checked: "checked", worded: "worded" } as const

/**
 * An error of the domain or of a check, said as upstream says it (reference/kuberay-v1.md 4.2–4.6): the same code and
 * facts, other words.
 */
export function wordFault(error: AppError, operation: KuberayRouteName, subject: Subject): AppError {
  const message = messageOf(error, operation, subject)
  if (message === error.message) return error
  const { code, resource, subject: name, issues, detail, retryAfterMs, facts } = error
  return new AppError(code, message, {
    issues,
    facts,
    cause: error,
    ...(resource !== undefined && { resource }),
    ...(name !== undefined && { name }),
    ...(detail !== undefined && { detail }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}

function messageOf(error: AppError, operation: KuberayRouteName, subject: Subject): string {
  const words = operationWords[operation]
  const { code } = error
  if (code === "invalid") return invalidText(error, words, subject)
  if (code === "not_found") return missingText(error, operation, words, subject)
  if (code === "already_exists") return takenText(error, words, subject)
  if (code === "conflict" || code === "stale") return conflictText(error, words, subject)
  // Not about the request: who asks, how much, when.
  return error.message
}

function invalidText(error: AppError, words: OperationWords, subject: Subject): string {
  const { message, detail = "" } = error
  switch (detail) {
    case details.worded:
      return message
    case details.checked:
      return joined(message, words.checks, `Invalid input error: ${message}`)
    case "memory_quantity":
      return internal(words, `Failed to convert compute runtime ${placeOf(subject)}: ${causeText(error)}`)
    case "object":
      return internal(words, `${words.makes} ${placeOf(subject)}: ${objectText(error, words, subject)}`)
    case "refused":
    case "entry_point":
      // What the dashboard says, or what it would not understand, is all that helps.
      return words.makes === "" ? message : joined(words.outer, message)
    default:
      return words.builds === ""
        ? joined(words.outer, causeText(error))
        : joined(words.builds, words.outer, `InvalidInputError: ${words.builds}: ${causeText(error)}`)
  }
}

/** What cannot be built, with what was sent and why it does not hold, where that is known. */
function causeText({ message, detail, facts }: AppError): string {
  const { value, quantity, fault } = facts
  if (detail === "memory_quantity") return `${message} "${quantity ?? ""}": ${fault ?? ""}`
  if (detail === "submitter_cpu" || detail === "submitter_memory")
    return `${message.replace(" submitter ", ` submitter ${value ?? ""} `)}: ${fault ?? ""}`
  return message
}

/** What Kubernetes finds in an object, as it says it. */
function objectText({ issues }: AppError, { thing }: OperationWords, { name }: Subject): string {
  const found = issues.map(({ path, message }) => `${pathText(path)}: ${message}`)
  const text = found.length === 1 ? found.join("") : `[${found.join(", ")}]`
  return `${thing.kind} "${name}" is invalid: ${text}`
}

/** `["spec", "env", 2]` → `spec.env[2]`. */
function pathText(path: readonly (string | number)[]): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")
  return text.replace(/^\./, "")
}

function missingText(
  error: AppError,
  operation: KuberayRouteName,
  words: OperationWords,
  subject: Subject,
): string {
  const { resource = "", subject: name = "" } = error
  switch (resource) {
    case words.thing.resource:
      return ownMissing(words, name)
    case "compute-template":
      return templateMissing(words, subject, name)
    case "namespace":
      // Upstream looks for the template first, and finds none in a namespace that is not there.
      return subject.template === ""
        ? internal(words, `${words.makes} ${placeOf(subject)}: namespaces "${subject.namespace}" not found`)
        : templateMissing(words, subject, subject.template)
    case "ray-submission":
      return operation === "getJobLog"
        ? `JobSubmission.RayJob "${name}" not found`
        : `Job ${name} does not exist on the cluster`
    default:
      return joined(words.outer, error.message)
  }
}

function ownMissing({ thing, outer, missing }: OperationWords, name: string): string {
  const said = `${thing.noun} ${name} not found`
  const inner = missing === "" ? "" : `${missing}${name} `
  return joined(said, outer, inner, `NotFoundError: ${said}: ${thing.plural} "${name}" not found`)
}

function templateMissing(words: OperationWords, subject: Subject, template: string): string {
  const cause = `NotFoundError: Compute template ${template} not found: configmaps "${template}" not found`
  const sentence = `Cannot get compute template for name '${template}' in namespace '${subject.namespace}'`
  return internal(
    words,
    `Failed to populate compute template for ${placeOf(subject)}: ${sentence}, error: ${cause}`,
  )
}

function takenText(error: AppError, words: OperationWords, subject: Subject): string {
  const { thing, makes } = words
  if (thing.resource === "compute-template") {
    const said = `Compute template with name ${subject.name} already exists in namespace ${subject.namespace}`
    return joined(said, words.outer, `Already exist error: ${said}`)
  }
  if (makes === "")
    return `submission ID '${error.subject ?? subject.name}' already used, Please use a different submission_id`
  return internal(words, `${makes} ${placeOf(subject)}: ${thing.plural} "${subject.name}" already exists`)
}

function conflictText(error: AppError, words: OperationWords, subject: Subject): string {
  if (error.detail === "not_ready") return "cluster is not ready"
  if (words.makes === "") return joined(words.outer, error.message)
  const { plural } = words.thing
  const cause =
    error.code === "stale"
      ? `Operation cannot be fulfilled on ${plural} "${subject.name}": the object has been modified; please apply your changes to the latest version and try again`
      : error.message
  return internal(words, `${words.makes} ${placeOf(subject)}: ${cause}`)
}

function internal({ outer }: OperationWords, text: string): string {
  return joined("Internal Server Error", outer, `InternalServerError: ${text}`)
}

function placeOf({ namespace, madeAs }: Subject): string {
  return `(${namespace}/${madeAs})`
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(": ")
}
