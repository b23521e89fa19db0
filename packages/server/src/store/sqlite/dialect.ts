import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
  type SqlBool,
} from "kysely"
import { type Dialect, textOf } from "../dialect.ts"
import { sequenceOrder } from "../event-order.ts"
import type { Database } from "../schema.ts"

/** The SQL of SQLite. Strict tables: a value of the wrong type is an error, not a guess. */
export const sqliteDialect: Dialect = {
  name: "sqlite",
  db: new Kysely<Database>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  }),
  contains: (column, text) => sql<SqlBool>`instr(${textOf(column)}, ${text}) > 0`,
  unindexed: {
    text: (column) => sql<string>`${sql.ref(column)} || ''`,
    int: (column) => sql<number>`${sql.ref(column)} + 0`,
  },
  isLive: sql<SqlBool>`state <> 'gone'`,
  jsonMember: (column, member) => sql<string>`json_extract(${sql.ref(column)}, ${sql.lit(`$.${member}`)})`,
  numberIn: (column) => sql<number>`cast(${textOf(column)} as real)`,
  events: sequenceOrder,
  counterShard: [],
  ddl: {
    text: "text",
    int: "integer",
    sequence: "integer primary key autoincrement",
    carriesLongText: true,
    eventPosition: "seq integer primary key autoincrement",
    eventOrder: "seq",
    counterShard: "",
    isWrittenByMany: false,
    toWorkload: ' references workload ("key")',
    tableEnd: " strict",
  },
}
