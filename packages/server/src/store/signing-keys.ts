import type { Selectable } from "kysely"
import type { SigningKey, SigningKeyStore } from "../domain/identity/index.ts"
import { assertInserted, fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { slotsOf, statement } from "./statement.ts"

type SigningKeyRow = Selectable<Database["signing_key"]>

const columns = ["kid", "public_jwk", "sealed_private_key", "created_at_ms"] as const

const selectAll = statement<object>("scan")((db) =>
  db.selectFrom("signing_key").select(columns).orderBy("created_at_ms"),
)
const insert = statement<SigningKeyRow>("write")((db, p) =>
  db
    .insertInto("signing_key")
    .values(slotsOf(p, columns))
    .onConflict((conflict) => conflict.doNothing()),
)
const deleteOne = statement<{ kid: string }>("primary")((db, p) =>
  db.deleteFrom("signing_key").where("kid", "=", p("kid")),
)

function toKey(row: SigningKeyRow): SigningKey {
  return {
    publicJwk: fromJson(row.public_jwk),
    sealedPrivateKey: row.sealed_private_key,
    createdAtMs: row.created_at_ms,
  }
}

/** The keys that sign tokens: a handful. `insertSigningKey` throws AppError `already_exists`. */
export const signingKeyStore: SigningKeyStore = {
  async signingKeys(from) {
    return (await selectAll.all(from, {})).map(toKey)
  },
  async insertSigningKey(tx, key) {
    const { kid } = key.publicJwk
    const inserted = await insert.run(tx, {
      kid,
      public_jwk: toJson(key.publicJwk),
      sealed_private_key: key.sealedPrivateKey,
      created_at_ms: key.createdAtMs,
    })
    assertInserted(inserted, "signing key", kid)
  },
  async deleteSigningKey(tx, kid) {
    await deleteOne.run(tx, { kid })
  },
}
