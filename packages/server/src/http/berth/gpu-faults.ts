import { AppError } from "../../kit/errors.ts"

/** What the domain calls a member, and what it is called here. */
const wireNames: Readonly<Record<string, string>> = {
  durationMs: "durationSeconds",
  idleTimeoutMs: "idleTimeoutSeconds",
  byMs: "seconds",
  microsPerGpuHour: "amountPerGpuHour",
  clusterName: "clusterId",
}

/**
 * Waits for an answer of the domain, and names the places of its faults as this API does.
 * @throws what the domain throws, the members of an `invalid` by their names on the wire
 */
export async function inWireWords<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof AppError) || error.issues.length === 0) throw error
    const issues = error.issues.map((issue) => ({
      ...issue,
      path: issue.path.map((step) => (typeof step === "string" ? (wireNames[step] ?? step) : step)),
    }))
    throw new AppError(error.code, error.message, { ...factsOf(error), issues, cause: error })
  }
}

function factsOf(error: AppError) {
  return {
    facts: error.facts,
    ...(error.resource === undefined ? {} : { resource: error.resource }),
    ...(error.subject === undefined ? {} : { name: error.subject }),
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  }
}
