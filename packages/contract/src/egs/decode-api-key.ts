import type { DecodeIssue, Decoded } from "../common/index.ts"
import { decoded } from "../common/index.ts"
import { fault, membersOf, optionalText, requiredText, type Members } from "./members.ts"

/** What an API key may do, as this API calls it. */
export const apiKeyRoles = ["Owner", "Editor", "Viewer"] as const
export type ApiKeyRole = (typeof apiKeyRoles)[number]

/** A new API key. */
export interface DecodedApiKey {
  readonly name: string
  readonly userName: string | undefined
  readonly description: string
  readonly role: ApiKeyRole
  /** The end of its last day, UTC, in ms. */
  readonly endsAtMs: number
  /** Always there for an Editor. */
  readonly workspaceName: string | undefined
}

const dayMs = 86_400_000
const datePattern = /^\d{4}-\d{2}-\d{2}$/

/** Reads the body of POST /api-key (reference/egs.md 4.4). */
export function decodeApiKey(body: unknown): Decoded<DecodedApiKey> {
  const issues: DecodeIssue[] = []
  const members = membersOf(body, issues)
  const name = requiredText(members, "name")
  const userName = optionalText(members, "userName")
  const description = optionalText(members, "description") ?? ""
  const role = readRole(members)
  const endsAtMs = readLastDay(members)
  const isBound = role === "Editor"
  const workspaceName = isBound
    ? requiredText(members, "workspaceName")
    : optionalText(members, "workspaceName")
  return decoded({ name, userName, description, role, endsAtMs, workspaceName }, issues)
}

/** Reads the query of GET /api-key/list. */
export function decodeApiKeyFilter(from: unknown): Decoded<{ readonly workspaceName: string | undefined }> {
  const issues: DecodeIssue[] = []
  return decoded({ workspaceName: optionalText(membersOf(from, issues), "workspaceName") }, issues)
}

/**
 * Reads the key that POST /auth brings. "" and what is too long for a key are read: they are wrong keys, and clients
 * tell that from a wrong request.
 */
export function decodeAuth(body: unknown): Decoded<string> {
  const issues: DecodeIssue[] = []
  const members = membersOf(body, issues)
  const apiKey = Object.hasOwn(members.from, "apiKey") ? members.from["apiKey"] : undefined
  return decoded(typeof apiKey === "string" ? apiKey : requiredText(members, "apiKey"), issues)
}

function readRole(members: Members): ApiKeyRole {
  const before = members.issues.length
  const text = requiredText(members, "role")
  const role = apiKeyRoles.find((one) => one === text)
  if (role === undefined && members.issues.length === before)
    fault(members, "role", `must be one of [${apiKeyRoles.join(", ")}]`)
  return role ?? "Viewer"
}

function readLastDay(members: Members): number {
  const before = members.issues.length
  const text = requiredText(members, "validity")
  if (members.issues.length > before) return 0
  const startMs = datePattern.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  // 2026-02-30 is read as a day in March
  if (!Number.isNaN(startMs) && new Date(startMs).toISOString().startsWith(text)) return startMs + dayMs
  fault(members, "validity", "must be in YYYY-MM-DD format")
  return 0
}
