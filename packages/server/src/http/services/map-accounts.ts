import type { UserView } from "@berth/contract/services"
import type { User } from "../../domain/identity/index.ts"
import { uuidOfUser } from "./uuids.ts"

/** A user as this API has it. There is no full name, and no project of its own. */
export function userView({ id, name, email, serverRole, frozen, createdAtMs }: User): UserView {
  return {
    id: uuidOfUser(id),
    name,
    createdAtMs,
    updatedAtMs: createdAtMs,
    fullName: "",
    isActive: !frozen,
    isAdmin: serverRole === "owner",
    isServiceAccount: false,
    defaultProjectId: null,
    email,
  }
}
