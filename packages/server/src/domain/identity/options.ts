import type { Clock } from "../../kit/clock.ts"
import type { PasswordHasher } from "../../kit/password.ts"
import type { Ids } from "../../kit/ids.ts"
import type { Store } from "../journal/index.ts"
import type { LiveDirectory } from "./directory.ts"
import type { RandomBytes } from "./token.ts"
import type { IdentityStore } from "./types.ts"

/** What the identity service stands on. */
export interface IdentityOptions {
  readonly store: Pick<Store, "tx" | "committed">
  readonly rows: IdentityStore
  readonly directory: LiveDirectory
  readonly clock: Clock
  readonly ids: Ids
  readonly randomBytes: RandomBytes
  readonly passwords: PasswordHasher
  /** `--no-auth`: `bootstrap` also makes the user `local`. */
  readonly noAuth: boolean
}
