import { expect, it } from "vitest"
import { eventFacts } from "./event-line.ts"

it("shows what people can read of an event: instants, lengths, lists; no internal ids, nothing empty", () => {
  expect(
    eventFacts({
      claimId: "clm_1",
      reason: "backoff",
      untilMs: Date.UTC(2026, 0, 31, 8, 15),
      graceMs: 30_000,
      backoffMs: 2500,
      durationMs: 93_600_123,
      waitedSeconds: 125,
      nodes: ["a", "b"],
      cause: null,
      note: "",
    }),
  ).toBe(
    'reason=backoff until=2026-01-31T08:15:00.000Z grace=30s backoff=2500ms duration=1d2h waited=2m5s nodes=["a","b"]',
  )
})

it("is cut at its longest", () => {
  expect(eventFacts({ text: "x".repeat(50) }, 20)).toBe(`text=${"x".repeat(14)}…`)
})
