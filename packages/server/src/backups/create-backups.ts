import { readFileSync } from "node:fs"
import type { Readable } from "node:stream"
import { authorize, record, type Principal } from "../domain/identity/index.ts"
import type { Backup, Store } from "../domain/journal/index.ts"
import type { Clock } from "../kit/clock.ts"
import { archiveOf, manifestOf, type SmallFiles } from "./archive.ts"
import { memberNames } from "./manifest.ts"

export interface BackupsOptions {
  readonly store: Pick<Store, "tx"> & { readonly backup: Backup }
  readonly clock: Clock
  readonly serverVersion: string
  /** The table of the workspaces' accounts, of the local drivers; need not be there. */
  readonly accountsFile: string
}

/** Backups of a server that runs. */
export interface Backups {
  /**
   * The whole store as of now, as one file. The keys of the data directory are not in it. The next one can be made
   * when the stream has ended or was destroyed.
   * @throws AppError `forbidden`, and what `Backup.copy` throws
   */
  create(principal: Principal): Promise<{ readonly madeAt: string; readonly archive: Readable }>
}

export function createBackups(options: BackupsOptions): Backups {
  const { store, clock, serverVersion } = options
  return {
    async create(principal) {
      authorize(principal, "server.backup", { workspaceId: null })
      const copy = await store.backup.copy()
      try {
        const manifest = manifestOf(copy, serverVersion)
        await store.tx((tx) =>
          record(tx, {
            operation: "server.backup",
            event: "server.backed_up",
            subject: { kind: "server", id: "database" },
            workspace: null,
            actor: principal.actor,
            atMs: clock.nowMs(),
            data: { madeAt: manifest.madeAt, bytes: copy.bytes, schemaVersion: copy.schemaVersion },
          }),
        )
        return {
          madeAt: manifest.madeAt,
          archive: archiveOf(copy, manifest, accountsIn(options.accountsFile)),
        }
      } catch (error) {
        await copy.dispose()
        throw error
      }
    },
  }
}

/** The accounts go along, so that what pods have written stays their workspaces' after a restore elsewhere. */
export function accountsIn(file: string): SmallFiles {
  try {
    return { [memberNames.accounts]: readFileSync(file) }
  } catch {
    return {} // no workspace has one yet
  }
}
