import { openSqliteHarness } from "./sqlite/test-harness.ts"
import { storeSuite } from "./store-suite.ts"

storeSuite("SQLite", openSqliteHarness, { isBatching: true, openSmall: openSqliteHarness })
