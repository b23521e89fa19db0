import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  type SqlBool,
} from "kysely"
import { type Dialect, textOf } from "../dialect.ts"
import { transactionOrder } from "../event-order.ts"
import type { Database } from "../schema.ts"

/** What SQLite takes for the number at a text's beginning, of a size that no number of PostgreSQL overflows at. */
const numberForm = String.raw`^\s*([-+]?(?:\d{1,100}(?:\.\d{0,100})?|\.\d{1,100})(?:[eE][-+]?\d{1,2})?)`

/** The SQL of PostgreSQL. Texts compare by code point, as on SQLite, whatever the database's own collation is. */
export const postgresDialect: Dialect = {
  name: "postgres",
  db: new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }),
  contains: (column, text) => sql<SqlBool>`strpos(${textOf(column)}, ${text}) > 0`,
  unindexed: {
    text: (column) => sql<string>`${sql.ref(column)}`,
    int: (column) => sql<number>`${sql.ref(column)}`,
  },
  isLive: sql<SqlBool>`is_live`,
  jsonMember: (column, member) => sql<string>`(${sql.ref(column)}::json -> ${sql.lit(member)})::text`,
  numberIn: (column) =>
    sql<number>`coalesce(substring(${textOf(column)} from ${sql.lit(numberForm)})::float8, 0)`,
  events: transactionOrder,
  counterShard: ["shard"],
  ddl: {
    text: 'text collate "C"',
    int: "bigint",
    sequence: "bigint generated always as identity primary key",
    eventOrder: "xid, seq",
    eventPosition: `seq bigint generated always as identity,
  xid bigint not null default (pg_current_xact_id()::text::bigint + current_setting('berth.event_offset')::bigint),
  primary key (xid, seq)`,
    // An entry of an index is at most a third of a page.
    carriesLongText: false,
    // Every create of a workspace moves the same counter: as one row, all but one of those at work would be
    // turned away as conflicts. A writer runs one transaction at a time and is alone with its own row.
    counterShard: `
  shard bigint not null default current_setting('berth.shard')::bigint,`,
    isWrittenByMany: true,
    // To check it, PostgreSQL reads the page that every other submit writes to: they would all conflict. Rows
    // of a workload are written and removed in its transactions only.
    toWorkload: "",
    tableEnd: "",
  },
}
