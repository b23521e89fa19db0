import { expect, it } from "vitest"
import { decodeApiKey, decodeApiKeyFilter, decodeAuth } from "./decode-api-key.ts"

const wish = { name: "ci", role: "Viewer", validity: "2030-01-31" }
const firstFault = (result: ReturnType<typeof decodeApiKey | typeof decodeAuth>) =>
  result.ok ? "" : result.issues[0]?.message

it("reads a key that is good to the end of its last day", () => {
  expect(decodeApiKey(wish)).toEqual({
    ok: true,
    value: {
      name: "ci",
      userName: undefined,
      description: "",
      role: "Viewer",
      endsAtMs: Date.UTC(2030, 1, 1),
      workspaceName: undefined,
    },
  })
  const leapDay = decodeApiKey({ ...wish, validity: "2028-02-29" })
  expect(leapDay).toMatchObject({ value: { endsAtMs: Date.UTC(2028, 2, 1) } })
})

it("takes null and empty text of what is optional as absent", () => {
  const empty = { userName: "", description: null, workspaceName: "" }
  expect(decodeApiKey({ ...wish, ...empty })).toEqual(decodeApiKey(wish))
  expect(decodeApiKeyFilter({ workspaceName: "" })).toEqual(decodeApiKeyFilter(undefined))
})

it.each([
  ["2027-02-29", '"validity" must be in YYYY-MM-DD format'],
  ["2030-1-31", '"validity" must be in YYYY-MM-DD format'],
  ["2030-01-31T00:00:00Z", '"validity" must be in YYYY-MM-DD format'],
  ["2030-01-32", '"validity" must be in YYYY-MM-DD format'],
  ["", '"validity" is not allowed to be empty'],
  [20_300_131, '"validity" must be a string'],
])("refuses the last day %j", (validity, said) => {
  expect(firstFault(decodeApiKey({ ...wish, validity }))).toBe(said)
})

it("wants a workspace for an Editor, and knows three roles", () => {
  expect(firstFault(decodeApiKey({ ...wish, role: "Editor" }))).toBe('"workspaceName" is required')
  const bound = decodeApiKey({ ...wish, role: "Editor", workspaceName: "team" })
  expect(bound).toMatchObject({ ok: true, value: { role: "Editor", workspaceName: "team" } })
  for (const role of ["owner", "Admin", "toString"])
    expect(firstFault(decodeApiKey({ ...wish, role }))).toBe('"role" must be one of [Owner, Editor, Viewer]')
})

it("reads an empty key as a wrong one, and none as a fault", () => {
  expect(decodeAuth({ apiKey: "" })).toEqual({ ok: true, value: "" })
  for (const apiKey of ["x".repeat(5000), "a\u0000"])
    expect(decodeAuth({ apiKey })).toEqual({ ok: true, value: apiKey })
  expect(firstFault(decodeAuth({ apiKey: null }))).toBe('"apiKey" must be a string')
  expect(firstFault(decodeAuth(undefined))).toBe('"apiKey" is required')
  expect(firstFault(decodeAuth(["k"]))).toBe('"value" must be of type object')
})
