import { AppError, type Issue } from "../../kit/errors.ts"
import { decimalOf } from "./decimal.ts"

/** What the domain calls a member, and what it is called here. */
const wireNames: Readonly<Record<string, string>> = {
  durationMs: "durationSeconds",
  idleTimeoutMs: "idleTimeoutSeconds",
  byMs: "seconds",
  microsPerGpuHour: "amountPerGpuHour",
  clusterName: "clusterId",
  prices: "items",
}

/**
 * Waits for an answer of the domain, and words its faults as this API does: members by their names on the wire, bounds
 * in their units.
 * @throws what the domain throws, an `invalid` in these words
 */
export async function inWireWords<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof AppError) || error.issues.length === 0) throw error
    throw new AppError(error.code, error.message, {
      ...factsOf(error),
      issues: error.issues.map(issueOnWire),
      cause: error,
    })
  }
}

function issueOnWire({ path, message }: Issue): Issue {
  const member = path.at(-1)
  return {
    path: path.map((step) => (typeof step === "string" ? (wireNames[step] ?? step) : step)),
    message: typeof member === "string" ? inUnits(member, message) : message,
  }
}

const boundsText = /^must be a whole number from (\d+) to (\d+)$/

/** Milliseconds are seconds here, and millionths decimals. */
function inUnits(member: string, message: string): string {
  const [, least, most] = boundsText.exec(message) ?? []
  if (least === undefined || most === undefined) return message
  if (member.endsWith("Ms"))
    return `must be a whole number from ${Math.ceil(Number(least) / 1000)} to ${Math.floor(Number(most) / 1000)}`
  if (member.startsWith("micros"))
    return `must be from ${decimalOf(Number(least))} to ${decimalOf(Number(most))}`
  return message
}

function factsOf(error: AppError) {
  return {
    facts: error.facts,
    ...(error.resource === undefined ? {} : { resource: error.resource }),
    ...(error.subject === undefined ? {} : { name: error.subject }),
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  }
}
