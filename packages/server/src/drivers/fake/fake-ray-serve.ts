import type { ServeView } from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"
import type { Json, JsonObject } from "../../kit/json.ts"

/** What one application of Serve does. What is left out is one that runs after a second. */
export interface FakeRayApplication {
  /** From being given to its state. Default 1000. */
  readonly deployMs?: number
  /** Default RUNNING. */
  readonly status?: ApplicationStatus
  readonly message?: string
}
export type ApplicationStatus = "RUNNING" | "DEPLOY_FAILED" | "UNHEALTHY"

/** The Serve of one fake head. */
export interface FakeServe {
  /**
   * Takes the whole wanted state; an application whose part did not change goes on as it is.
   * @throws AppError `invalid`, detail `refused`, when it is no such state: nothing changes then
   */
  apply(config: JsonObject, mono: number): void
  view(mono: number): ServeView
  /** From now on an application is so, until its part of the wanted state changes. No effect on one that is not there. */
  set(name: string, status: ApplicationStatus, message: string): void
  /** How often a state was taken. */
  readonly applied: number
}

interface Application {
  readonly text: string
  readonly deployments: readonly string[]
  readonly program: FakeRayApplication
  readonly givenMono: number
}

const deploymentStatus = {
  DEPLOYING: "UPDATING",
  RUNNING: "HEALTHY",
  DEPLOY_FAILED: "UNHEALTHY",
  UNHEALTHY: "UNHEALTHY",
} as const

/** @param programOf asked once for each application, and again when its part of the wanted state changed */
export function createFakeServe(programOf: (name: string) => FakeRayApplication): FakeServe {
  let applications = new Map<string, Application>()
  let applied = 0
  return {
    apply(config, mono) {
      const next = new Map<string, Application>()
      for (const wanted of applicationsIn(config)) {
        const text = JSON.stringify(wanted.config)
        const now = applications.get(wanted.name)
        const isSame = now?.text === text
        const { deployments } = wanted
        const fresh = () => ({ text, deployments, program: programOf(wanted.name), givenMono: mono })
        next.set(wanted.name, isSame ? now : fresh())
      }
      applications = next
      applied++
    },
    view: (mono) => ({
      applications: [...applications].map(([name, { deployments, program, givenMono }]) => {
        const isThere = mono >= givenMono + (program.deployMs ?? 1000)
        const status = isThere ? (program.status ?? "RUNNING") : "DEPLOYING"
        const message = isThere ? (program.message ?? "") : ""
        return {
          name,
          status,
          message,
          deployments: deployments.map((name) => ({ name, status: deploymentStatus[status], message: "" })),
        }
      }),
    }),
    set(name, status, message) {
      const now = applications.get(name)
      if (now) applications.set(name, { ...now, program: { deployMs: 0, status, message } })
    },
    get applied() {
      return applied
    },
  }
}

function applicationsIn(config: JsonObject) {
  const { applications } = config
  if (!Array.isArray(applications)) throw refused("applications: a list is needed")
  return (applications as readonly Json[]).map((each) => {
    const application = objectOf(each)
    const { name, import_path: path } = application
    if (typeof name !== "string" || name === "") throw refused("applications: a name is needed")
    if (typeof path !== "string" || path === "") throw refused(`applications: ${name}: import_path is needed`)
    const listed = Array.isArray(application.deployments) ? (application.deployments as readonly Json[]) : []
    const deployments = listed.map((one) => objectOf(one).name).filter((one) => typeof one === "string")
    return { name, config: application, deployments: deployments.length > 0 ? deployments : [name] }
  })
}

function objectOf(value: Json): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refused("a map is needed")
  return value as JsonObject
}

function refused(message: string): AppError {
  return new AppError("invalid", message, { detail: "refused", facts: { status: 400 } })
}
