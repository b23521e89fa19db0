import type { Directory, User } from "../../domain/identity/index.ts"
import { AppError } from "../../kit/errors.ts"

/**
 * The user of an id or, failing that, of a name.
 * @throws AppError `not_found` resource `user`
 */
export function findUser(directory: Directory, idOrName: string): User {
  const user = directory.user(idOrName) ?? directory.userByName(idOrName)
  if (user) return user
  throw new AppError("not_found", `User ${idOrName} not found.`, { resource: "user", name: idOrName })
}
