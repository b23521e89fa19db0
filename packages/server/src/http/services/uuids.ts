import type { UserId } from "../../domain/identity/index.ts"
import { ulidToUuid, uuidToUlid } from "../../kit/ids.ts"

/** A user's id as this API shows it. */
export function uuidOfUser(id: UserId): string {
  return ulidToUuid(id.slice(id.indexOf("_") + 1))
}

/** The user that a UUID stands for; there need not be one. */
export function userOfUuid(uuid: string): UserId {
  return `usr_${uuidToUlid(uuid)}` as UserId
}
