import type { RayPage } from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"

/** Whose list a token goes on with. */
export interface ListPlace {
  readonly list: "clusters" | "jobs" | "services"
  /** null = all namespaces. */
  readonly namespace: string | null
}

/** What the next page is asked for with; "" on the last page. */
export function tokenOf(place: ListPlace, next: RayPage["after"]): string {
  if (next === null) return ""
  const text = JSON.stringify([place.list, place.namespace, next.namespace, next.name])
  return Buffer.from(text, "utf8").toString("base64url")
}

/**
 * The page that a list request asks for.
 * @param limit 0 and less = no bound
 * @param token "" = from the beginning
 * @throws AppError `invalid`, when the token is not one of this list
 */
export function pageOf(place: ListPlace, limit: number, token: string): RayPage {
  return { limit: limit > 0 ? limit : null, after: token === "" ? null : afterOf(place, token) }
}

function afterOf(place: ListPlace, token: string): RayPage["after"] {
  const [list, listed, namespace, name] = membersOf(token)
  const isOwn = list === place.list && listed === place.namespace
  if (!isOwn || typeof namespace !== "string" || typeof name !== "string")
    throw new AppError(
      "invalid",
      `${listing(place)}: invalid continue token: continue key is not valid: it was not given by this list`,
    )
  return { namespace, name }
}

function listing({ list, namespace }: ListPlace): string {
  return `List ${list === "services" ? "RayService" : "RayCluster"} failed in ${namespace ?? ""}`
}

function membersOf(token: string): readonly unknown[] {
  try {
    const value = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as unknown
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}
