import { describe } from "vitest"
import { endpointCases } from "./suite/endpoints.ts"
import { faultCases } from "./suite/faults.ts"
import type { OpenHarness } from "./suite/harness.ts"
import { journalCases } from "./suite/journal.ts"
import { rowCases } from "./suite/rows.ts"
import { transactionCases } from "./suite/transactions.ts"
import { workloadCases } from "./suite/workloads.ts"

/** What every store must do, whatever database is below: one suite, run on each dialect. */
export function storeSuite(name: string, open: OpenHarness): void {
  describe(`store on ${name}`, () => {
    transactionCases(open)
    faultCases(open)
    journalCases(open)
    rowCases(open)
    workloadCases(open)
    endpointCases(open)
  })
}
