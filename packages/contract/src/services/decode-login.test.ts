import { expect, it } from "vitest"
import { decodeLogin } from "./decode-login.ts"

it.each([
  ["username=default&password=", { grant: "password", username: "default", password: "" }],
  ["grant_type=password&username=a+b&password=%C3%A9", { grant: "password", username: "a b", password: "é" }],
  ["username=a&username=b", { grant: "password", username: "b", password: "" }],
  ["password=ZENKEY_x", { grant: "api key", key: "ZENKEY_x" }],
  ["username=&password=k", { grant: "api key", key: "k" }],
  ["grant_type=zenml-api-key&username=a&password=k", { grant: "api key", key: "k" }],
])("%s asks for a token", (form, value) => {
  expect(decodeLogin(form)).toEqual({ ok: true, value })
})

it.each([
  ["", "Invalid request: username is required."],
  ["{}", "Invalid request: username is required."],
  ["username=&password=", "Invalid request: username is required."],
  ["grant_type=password&password=x", "Invalid request: username is required."],
  ["grant_type=zenml-api-key", "API key is required."],
  ["grant_type=bogus", "Unsupported grant type: bogus"],
])("%j is refused", (form, detail) => {
  expect(decodeLogin(form)).toEqual({ ok: false, body: { detail } })
})
