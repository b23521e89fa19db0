import { afterAll, describe } from "vitest"
import { testPostgres } from "../../../../test/support/postgres.ts"
import { postgresHarness } from "./postgres/test-harness.ts"
import { storeSuite } from "./store-suite.ts"

const server = await testPostgres()
const space = await server?.createSmallSpace(48 * 2 ** 20)
// oxlint-disable-next-line no-console -- what was left out is said
if (server && !space) console.log("left out, for no file system can be mounted here: a full PostgreSQL")

describe.skipIf(!server)("with a PostgreSQL server", () => {
  if (!server) return
  const harness = postgresHarness(server)
  const small = space && postgresHarness(server, space)
  afterAll(async () => {
    await harness.drop()
    await small?.drop()
    await space?.close()
  })
  storeSuite("PostgreSQL", harness.open, { isBatching: false, openSmall: small?.open })
})
