import { describe } from "vitest"
import { endpointCases } from "./suite/endpoints.ts"
import { faultCases } from "./suite/faults.ts"
import type { OpenHarness, SuiteTraits } from "./suite/harness.ts"
import { gpuRequestCases } from "./suite/gpu-requests.ts"
import { gpuSettingsCases } from "./suite/gpu-settings.ts"
import { idempotencyCases } from "./suite/idempotency.ts"
import { journalCases } from "./suite/journal.ts"
import { rayCases } from "./suite/ray.ts"
import { rayConfigCases } from "./suite/ray-config.ts"
import { rowCases } from "./suite/rows.ts"
import { serviceCases } from "./suite/services.ts"
import { serviceWatchCases } from "./suite/service-watches.ts"
import { transactionCases } from "./suite/transactions.ts"
import { workloadCases } from "./suite/workloads.ts"

/** What every store must do, whatever database is below: one suite, run on each dialect. */
export function storeSuite(name: string, open: OpenHarness, traits: SuiteTraits): void {
  describe(`store on ${name}`, () => {
    // Apart, for each opens a store before each of its tests.
    describe("transactions and topics", () => {
      transactionCases(open, traits)
    })
    const { openSmall } = traits
    if (openSmall)
      describe("faults", () => {
        faultCases(openSmall, traits)
      })
    describe("the journal", () => {
      journalCases(open, traits)
    })
    describe("answers to requests that come again", () => {
      idempotencyCases(open)
    })
    describe("rows", () => {
      rowCases(open)
    })
    describe("workloads", () => {
      workloadCases(open)
    })
    describe("addresses", () => {
      endpointCases(open)
    })
    describe("GPU requests", () => {
      gpuRequestCases(open)
    })
    describe("what is set for GPU requests", () => {
      gpuSettingsCases(open)
    })
    describe("Ray", () => {
      rayCases(open)
    })
    describe("what Ray's objects are made of", () => {
      rayConfigCases(open)
    })
    describe("records of model servers", () => {
      serviceCases(open)
    })
    describe("watches of records", () => {
      serviceWatchCases(open)
    })
  })
}
