import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { databaseType } from "./database-url.ts"

function parsed(raw: unknown) {
  const result = databaseType.parse(raw)
  if (!result.ok || !result.value) throw new Error("refused")
  return result.value
}

describe("the URL of a database", () => {
  it("shows no password, however it is looked at, and connects with it", () => {
    const text = "postgres://berth:s3cr%23t@db.example:5433/berth?sslmode=require&sslpassword=s3cret"
    const url = parsed(text)
    expect(url.connection()).toBe(text)
    const looks = [String(url), JSON.stringify({ url }), inspect(url, { depth: 9, showHidden: true })]
    for (const look of [...looks, databaseType.format(url)]) {
      expect(look).not.toMatch(/s3cr/)
      expect(look).toContain("db.example:5433/berth")
    }
  })

  it("may go without a password, or by a socket's folder", () => {
    expect(databaseType.format(parsed("postgresql://berth@127.0.0.1/berth"))).toBe(
      "postgresql://berth@127.0.0.1/berth",
    )
    expect(parsed("postgres:///berth?host=/run/postgresql&user=berth").connection()).toContain("host=")
  })

  it.each([
    ["mysql://root:s3cret@127.0.0.1/berth", /postgres:\/\//],
    ["s3cret", /must be a URL/],
    ["postgres://berth:s3cret@127.0.0.1", /name a database/],
    ["postgres://berth:s3cret@127.0.0.1/a/b", /name a database/],
    ["postgres://berth:s3#cret@127.0.0.1/berth", /URL|%23|database/],
    ["", /URL/],
    [7, /URL/],
  ])("that is wrong is refused without repeating it: %s", (raw, sentence) => {
    const result = databaseType.parse(raw)
    expect(result.ok).toBe(false)
    if (result.ok) return
    expect(result.message).toMatch(sentence)
    expect(result.message).not.toMatch(/s3/)
  })
})
