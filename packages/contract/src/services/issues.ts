import { cutRepr, reprOf } from "./python/repr.ts"

/** One fault of a path, a query or a body. */
export interface ServiceIssue {
  /** The validator's name for it: `missing`, `uuid_parsing`, … */
  readonly type: string
  /** Where: `path`, `query` or `body`, then names and keys, or an offset. */
  readonly loc: readonly (string | number)[]
  readonly msg: string
  /** What stood there, as Python's `repr` writes it. */
  readonly input: string
  readonly ctx?: Readonly<Record<string, string | number>>
}

/** Why a request is not taken. */
export type ServiceRefusal =
  /** 422, a bare array. `isAlone`: the body is no JSON, and nothing else is looked at. */
  | { readonly kind: "issues"; readonly issues: readonly ServiceIssue[]; readonly isAlone?: true }
  /** 400: bytes that are no UTF-8, or what is beyond what is read. Nothing else is looked at. */
  | { readonly kind: "unreadable" }
  /** A `ValueError` with a status of its own. */
  | { readonly kind: "error"; readonly status: 400 | 422; readonly message: string }

/** What a decoder gives. */
export type ServiceRead<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: ServiceRefusal }

/** The value when nothing was found, else the faults. */
export function readUnless<T>(value: () => T, issues: readonly ServiceIssue[]): ServiceRead<T> {
  if (issues.length > 0) return { ok: false, refusal: { kind: "issues", issues } }
  return { ok: true, value: value() }
}

/**
 * The one refusal of a request whose parts were read: of path, query and body in this order all faults together, but a
 * body that is no JSON alone. Undefined: every part was taken.
 */
export function refusalOf(...reads: readonly ServiceRead<unknown>[]): ServiceRefusal | undefined {
  const refusals = reads.flatMap((read) => (read.ok ? [] : [read.refusal]))
  const alone = refusals.find(
    (refusal) => refusal.kind === "unreadable" || (refusal.kind === "issues" && refusal.isAlone),
  )
  if (alone) return alone
  const issues = refusals.flatMap((refusal) => (refusal.kind === "issues" ? refusal.issues : []))
  return issues.length > 0 ? { kind: "issues", issues } : refusals[0]
}

/** A handler of the documented server, as its refusals name it. */
export interface ServiceHandler {
  readonly function: string
  readonly line: number
  /** Method and path, parameters in braces. */
  readonly route: string
}

/** The handlers whose parameters and bodies are checked. */
export const serviceHandlers = {
  create: { function: "create_service", line: 53, route: "POST /api/v1/services" },
  createInWorkspace: {
    function: "create_service",
    line: 53,
    route: "POST /api/v1/workspaces/{project_name_or_id}/services",
  },
  list: { function: "list_services", line: 90, route: "GET /api/v1/services" },
  get: { function: "get_service", line: 119, route: "GET /api/v1/services/{service_id}" },
  update: { function: "update_service", line: 146, route: "PUT /api/v1/services/{service_id}" },
  remove: { function: "delete_service", line: 173, route: "DELETE /api/v1/services/{service_id}" },
  listProjects: { function: "list_projects", line: 75, route: "GET /api/v1/projects" },
  getProject: { function: "get_project", line: 141, route: "GET /api/v1/projects/{project_name_or_id}" },
  listStacks: { function: "list_stacks", line: 136, route: "GET /api/v1/stacks" },
  getStack: { function: "get_stack", line: 175, route: "GET /api/v1/stacks/{stack_id}" },
} as const satisfies Readonly<Record<string, ServiceHandler>>
export type ServiceHandlerName = keyof typeof serviceHandlers

/** More are counted, not printed. */
const maxPrinted = 1000

/** The sentence of a refusal with issues. */
export function issuesText(name: ServiceHandlerName, issues: readonly ServiceIssue[]): string {
  const { function: handler, line, route } = serviceHandlers[name]
  const count = `${issues.length} validation error${issues.length === 1 ? "" : "s"}:`
  const printed = issues.slice(0, maxPrinted).map((issue) => `  ${issueRepr(issue)}`)
  const more = issues.length > maxPrinted ? ["  ..."] : []
  const place = `  File "zenml/zen_server/utils.py", line ${line}, in ${handler}\n    ${route}`
  return [count, ...printed, ...more, "", place].join("\n")
}

function issueRepr({ type, loc, msg, input, ctx }: ServiceIssue): string {
  const steps = loc.map(scalarRepr)
  const members = [
    `'type': ${reprOf(type)}`,
    `'loc': (${steps.join(", ")}${steps.length === 1 ? "," : ""})`,
    `'msg': ${reprOf(msg)}`,
    `'input': ${input}`,
  ]
  if (ctx) {
    const facts = Object.entries(ctx).map(([key, value]) => `${reprOf(key)}: ${scalarRepr(value)}`)
    members.push(`'ctx': {${facts.join(", ")}}`)
  }
  return `{${members.join(", ")}}`
}

function scalarRepr(value: string | number): string {
  return typeof value === "number" ? String(value) : cutRepr(reprOf(value))
}
