import { expect, it } from "vitest"
import { faultKind, fromPostgres } from "./errors.ts"

it("takes a write to a connection that is gone for a lost connection, not for a wrong statement", () => {
  const broken = Object.assign(new Error("write EPIPE"), { code: "EPIPE", syscall: "write", errno: -32 })
  expect(faultKind(broken)).toBe("connection")
  expect(fromPostgres(broken)).toMatchObject({ code: "unavailable", detail: "store_failed" })
})

it("takes a SQLSTATE for what it says", () => {
  const state = (code: string) => faultKind(Object.assign(new Error("refused"), { code }))
  expect([state("40001"), state("53100"), state("57P01"), state("23505")]).toEqual([
    "conflict",
    "full",
    "connection",
    "statement",
  ])
})
