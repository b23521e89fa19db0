import { AppError, type Issue } from "../../kit/errors.ts"
import { localUserName } from "./directory.ts"
import { roles } from "./types.ts"

const namePattern = /^[a-zA-Z0-9._@-]{1,64}$/
const emailPattern =
  /^[^\s@\u0000-\u001f\u007f-\u009f\p{Surrogate}]+@[^\s@\u0000-\u001f\u007f-\u009f\p{Surrogate}]+$/u
/** Halves of characters too: a database keeps something else than what is in memory. */
const controlPattern = /[\u0000-\u001f\u007f-\u009f\p{Surrogate}]/u
const longestEmail = 254
/** Lines and tabs are welcome in a text for people. */
const unprintablePattern = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\p{Surrogate}]/u
const longestKeyName = 128
const longestDescription = 1_024
/** The last instant that RFC 3339 can show: the end of the year 9999. */
const lastInstantMs = Date.UTC(10_000, 0, 1) - 1

/** @throws AppError `invalid` with the issues, when there are any */
export function refuseIssues(what: string, issues: readonly Issue[]): void {
  if (issues.length > 0)
    throw new AppError("invalid", `The ${what} is not valid.`, { resource: what, issues })
}

export function userNameIssues(name: string): readonly Issue[] {
  const path = ["name"]
  if (!namePattern.test(name)) return [{ path, message: "must be 1 to 64 letters, digits and . _ @ -" }]
  // Both would be taken for a folder in an address.
  if (name === "." || name === "..") return [{ path, message: `must not be "${name}"` }]
  return name === localUserName ? [{ path, message: `"${name}" is kept for --no-auth` }] : []
}

export function emailIssues(email: string | null | undefined): readonly Issue[] {
  if (email === null || email === undefined) return []
  if (email.length <= longestEmail && emailPattern.test(email)) return []
  return [
    { path: ["email"], message: `must be an address with one @ and at most ${longestEmail} characters` },
  ]
}

export function serverRoleIssues(role: string | null | undefined): readonly Issue[] {
  if (role === null || role === undefined || role === "owner" || role === "viewer") return []
  return [{ path: ["serverRole"], message: "must be owner, viewer or null" }]
}

export function keyIssues(
  key: {
    readonly name: string
    readonly description?: string
    readonly role: string | null
    readonly expiresAtMs: number | null
  },
  nowMs: number,
): readonly Issue[] {
  const issues: Issue[] = []
  if (key.name.trim() === "" || key.name.length > longestKeyName || controlPattern.test(key.name))
    issues.push({
      path: ["name"],
      message: `must be 1 to ${longestKeyName} characters without control characters`,
    })
  issues.push(...descriptionIssues(key.description ?? ""))
  if (key.role !== null && !roles.some((role) => role === key.role))
    issues.push({ path: ["role"], message: "must be owner, editor, viewer or null" })
  issues.push(...expiryIssues(key.expiresAtMs, nowMs))
  return issues
}

function descriptionIssues(description: string): readonly Issue[] {
  if (description.length <= longestDescription && !unprintablePattern.test(description)) return []
  const message = `must be at most ${longestDescription} characters without control characters`
  return [{ path: ["description"], message }]
}

function expiryIssues(expiresAtMs: number | null, nowMs: number): readonly Issue[] {
  const path = ["expiresAtMs"]
  if (expiresAtMs === null) return []
  if (!Number.isSafeInteger(expiresAtMs)) return [{ path, message: "must be a whole number of milliseconds" }]
  if (expiresAtMs <= nowMs) return [{ path, message: "must be in the future" }]
  return expiresAtMs > lastInstantMs ? [{ path, message: "must be before the year 10000" }] : []
}
