import { createHash } from "node:crypto"
import { type Selectable, type SqlBool, sql } from "kysely"
import type { IdempotencyStore, IdempotentRequest, KeptAnswer, Subject } from "../domain/journal/index.ts"
import { fromJson, toJson } from "./codec.ts"
import type { Database } from "./schema.ts"
import { sessionOf } from "./session.ts"
import { compileNow, slotsOf, statement } from "./statement.ts"

type Row = Selectable<Database["idempotency"]>
type Name = Pick<Row, "user_id" | "route" | "key">

const columns = ["user_id", "route", "key", "body_hash", "answer", "created_at_ms"] as const

const selectOne = statement<Name>("primary")((db, p) =>
  db
    .selectFrom("idempotency")
    .select(["body_hash", "answer", "created_at_ms"])
    .where("user_id", "=", p("user_id"))
    .where("route", "=", p("route"))
    .where("key", "=", p("key")),
)
/** One that is long over makes room for the new one. */
const insertOne = statement<Row>("write")((db, p) =>
  db
    .insertInto("idempotency")
    .values(slotsOf(p, columns))
    .onConflict((conflict) =>
      conflict.columns(["user_id", "route", "key"]).doUpdateSet({
        body_hash: p("body_hash"),
        answer: p("answer"),
        created_at_ms: p("created_at_ms"),
      }),
    ),
)
const keepOne = statement<Name & Pick<Row, "answer">>("primary")((db, p) =>
  db
    .updateTable("idempotency")
    .set({ answer: p("answer") })
    .where("user_id", "=", p("user_id"))
    .where("route", "=", p("route"))
    .where("key", "=", p("key")),
)
const dropOne = statement<Name>("primary")((db, p) =>
  db
    .deleteFrom("idempotency")
    .where("user_id", "=", p("user_id"))
    .where("route", "=", p("route"))
    .where("key", "=", p("key")),
)
const selectNth = statement<{ skip: number }>("idempotency_by_age")((db, p) =>
  db
    .selectFrom("idempotency")
    .select("created_at_ms")
    .orderBy("created_at_ms", "desc")
    .limit(1)
    .offset(p("skip")),
)

/** A path may be longer than an entry of an index. */
function nameOf({ userId, route, key }: IdempotentRequest): Name {
  return { user_id: userId, route: createHash("sha256").update(route).digest("hex"), key }
}

/** The column holds what was answered; until then what was done. */
function outcomeOf(column: string | null): { answer: KeptAnswer | null; about: Subject | null } {
  if (column === null) return { answer: null, about: null }
  const kept = fromJson<KeptAnswer | { readonly about: Subject }>(column)
  return "about" in kept ? { answer: null, about: kept.about } : { answer: kept, about: null }
}

/** What was answered to requests that may be sent again. */
export const idempotencyStore: IdempotencyStore = {
  async find(from, request) {
    const row = await selectOne.get(from, nameOf(request))
    return (
      row && {
        ...request,
        bodyHash: row.body_hash,
        ...outcomeOf(row.answer),
        createdAtMs: row.created_at_ms,
      }
    )
  },
  async mark(tx, request, { atMs, about }) {
    const answer = about && toJson({ about })
    const row = { ...nameOf(request), body_hash: request.bodyHash, answer, created_at_ms: atMs }
    await insertOne.post(tx, row)
  },
  async keep(tx, request, answer) {
    await keepOne.post(tx, { ...nameOf(request), answer: toJson(answer) })
  },
  async drop(tx, request) {
    await dropOne.post(tx, nameOf(request))
  },
  async prune(tx, beforeMs, most, limit) {
    const tooMany = await selectNth.get(tx, { skip: most })
    const session = sessionOf(tx)
    const { db } = session.dialect
    const old = db
      .selectFrom("idempotency")
      .select(["user_id", "route", "key"])
      .where("created_at_ms", "<=", Math.max(beforeMs, tooMany?.created_at_ms ?? beforeMs))
      .orderBy("created_at_ms")
      .limit(limit)
    return session.run(
      compileNow(
        db.deleteFrom("idempotency").where(sql<SqlBool>`(user_id, route, ${sql.ref("key")}) in (${old})`),
      ),
    )
  },
}
