import { spine } from "./0001-spine.ts"
import { applications } from "./0002-applications.ts"
import type { Migration } from "./migration.ts"

/** Every step, oldest first. */
export const migrations: readonly Migration[] = [spine, applications]
export type { Migration } from "./migration.ts"
