import type { Ddl } from "../dialect.ts"

/** One step of the schema. Immutable once released; additive first (expand, contract two releases later). */
export interface Migration {
  /** 1, 2, 3, … without gaps. */
  readonly version: number
  readonly name: string
  readonly statements: (ddl: Ddl) => readonly string[]
}
