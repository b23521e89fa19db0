import { sql } from "kysely"
import type { Reads } from "../domain/journal/index.ts"
import type {
  ListedService,
  PageInParts,
  Parts,
  ServiceQuery,
  ServiceStore,
} from "../domain/services/index.ts"
import type { Dialect } from "./dialect.ts"
import { isNear, planPage, serviceOrder, type Shown } from "./service-pages.ts"
import { detailColumns, type ListedRow, summaryColumns, toListed } from "./service-rows.ts"
import { type BoundSql, type HeldSnapshot, type Session, sessionOf } from "./session.ts"
import { compileNow, rowsAs } from "./statement.ts"

type Page = PageInParts<ListedService>

/** Pages of so many are read in one go, where no record of them is heavy. */
const shortPage = 100
/** A text above it makes its record a heavy one. */
const heavyBytes = 16 * 1024
/** Stands in its place. */
const heavy = ""
/** What of a long page is in the memory at once, if no single record has more. */
const partBytes = 256 * 1024
const partRows = 200
/** A page of no more is read to its end before it is sent: a client that is slow then holds no snapshot. */
const eagerBytes = 4 * 1024 * 1024

/** See ServiceStore.records.list. */
export const listServices: ServiceStore["records"]["list"] = async (from: Reads, query) => {
  const session = sessionOf(from)
  return (query.limit <= shortPage ? await readShort(session, query) : undefined) ?? readLong(session, query)
}

/** undefined: a record of the page is too heavy for that. */
async function readShort(session: Session, query: ServiceQuery): Promise<Page | undefined> {
  const plan = planPage(session.dialect, query, servicePageQuery)
  const { total, rows } = plan.read(await session.scan(plan.queries, { isLong: !isNear(query) }))
  const light = rowsAs<ListedRow>(rows)
  if (light.some(({ body, details, config }) => [body, details, config].includes(heavy))) return undefined
  return { total, first: light.map((row) => toListed(row, query.isDetailed)), rest: null }
}

/** First the keys, then what they are of in parts; all of one snapshot, which is held until the last part was read. */
async function readLong(session: Session, query: ServiceQuery): Promise<Page> {
  const snapshot = await session.hold()
  try {
    const plan = planPage(session.dialect, query, weights)
    const { total, rows } = plan.read(await snapshot.scan(plan.queries))
    const weighed = rowsAs<Weight>(rows)
    const parts = inParts(session.dialect, snapshot, cut(weighed), query.isDetailed)
    const first = (await parts.next()) ?? []
    if (parts.isOver()) return { total, first, rest: null }
    const isEager = weighed.reduce((bytes, row) => bytes + row.bytes, 0) <= eagerBytes
    return { total, first, rest: isEager ? await readAhead(parts) : parts }
  } catch (error) {
    snapshot.release()
    throw error
  }
}

interface Weight {
  readonly id: string
  readonly bytes: number
}

/** Ids of records that are read together. */
function cut(rows: readonly Weight[]): readonly (readonly string[])[] {
  const parts: string[][] = []
  let open: string[] = []
  let bytes = 0
  for (const row of rows) {
    if (open.length > 0 && (open.length >= partRows || bytes + row.bytes > partBytes)) {
      parts.push(open)
      open = []
      bytes = 0
    }
    open.push(row.id)
    bytes += row.bytes
  }
  return open.length > 0 ? [...parts, open] : parts
}

function inParts(
  dialect: Dialect,
  snapshot: HeldSnapshot,
  parts: readonly (readonly string[])[],
  isDetailed: boolean,
): Parts<ListedService> & { isOver(): boolean } {
  let at = 0
  const isOver = () => at >= parts.length
  return {
    isOver,
    async next() {
      const ids = parts[at++]
      if (!ids) {
        snapshot.release()
        return null
      }
      try {
        const [rows] = await snapshot.scan([rowsOf(dialect, ids, isDetailed)])
        if (isOver()) snapshot.release()
        const byId = new Map(rowsAs<ListedRow>(rows).map((row) => [row.id, row]))
        return ids.flatMap((id) => {
          const row = byId.get(id)
          return row ? [toListed(row, isDetailed)] : []
        })
      } catch (error) {
        snapshot.release()
        throw error
      }
    },
    close: () => snapshot.release(),
  }
}

/** The same parts, all in the memory. */
async function readAhead(parts: Parts<ListedService>): Promise<Parts<ListedService>> {
  const read: (readonly ListedService[])[] = []
  for (let part = await parts.next(); part; part = await parts.next()) read.push(part)
  return {
    // others have their turn between two parts
    next: () => new Promise((resolve) => setImmediate(() => resolve(read.shift() ?? null))),
    close: () => void read.splice(0),
  }
}

function rowsOf(dialect: Dialect, ids: readonly string[], isDetailed: boolean): BoundSql {
  return compileNow(
    dialect.db
      .selectFrom("service_record")
      .select(summaryColumns)
      .$if(isDetailed, (all) => all.select(detailColumns))
      .where("id", "in", ids),
  )
}

/** The wide rows of only those that the page has: a deep page must not read what it skips. Nor are heavy texts read. */
export const servicePageQuery: Shown = (dialect, query, keys) =>
  compileNow(
    dialect.db
      .selectFrom("service_record")
      .$if(query.sort.column === "user", (all) => all.leftJoin("user", "user.id", "service_record.user_id"))
      .select(short.map((column) => `service_record.${column}` as const))
      .select(unlessHeavy("body").as("body"))
      .$if(query.isDetailed, (all) =>
        all.select(detailColumns.map((column) => unlessHeavy(column).as(column))),
      )
      .where("service_record.id", "in", keys)
      .orderBy(serviceOrder(dialect, query)),
  )

const short = summaryColumns.filter((column) => column !== "body")

/** How long a text is stands before it: nothing of it is read to know that. */
function unlessHeavy(column: "body" | (typeof detailColumns)[number]) {
  const text = sql.ref(`service_record.${column}`)
  return sql<string>`case when octet_length(${text}) > ${sql.lit(heavyBytes)} then ${sql.lit(heavy)} else ${text} end`
}

/** Of the records of a page how many bytes they are. */
const weights: Shown = (dialect, query, keys) => {
  const texts = query.isDetailed ? (["body", ...detailColumns] as const) : (["body"] as const)
  const lengths = texts.map(
    (column) => sql`coalesce(octet_length(${sql.ref(`service_record.${column}`)}), 0)`,
  )
  return compileNow(
    dialect.db
      .selectFrom("service_record")
      .$if(query.sort.column === "user", (all) => all.leftJoin("user", "user.id", "service_record.user_id"))
      .select("service_record.id")
      .select(sql<number>`${sql.join(lengths, sql` + `)}`.as("bytes"))
      .where("service_record.id", "in", keys)
      .orderBy(serviceOrder(dialect, query)),
  )
}
