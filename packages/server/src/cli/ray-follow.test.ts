import { expect, it } from "vitest"
import { rayExitCode } from "./ray-follow.ts"

it.each([
  ["SUCCEEDED", "", 0],
  ["STOPPED", "", 143],
  ["FAILED", "Job entrypoint command failed with exit code 7, last available logs", 7],
  ["FAILED", "Unexpected error", 1],
  ["FAILED", "Job entrypoint command failed with exit code 300", 1],
  ["Failed", "It has passed its activeDeadlineSeconds (60 s).", 124],
  ["STOPPED", "It has passed its activeDeadlineSeconds (60 s).", 124],
  ["ValidationFailed", "no", 1],
])("a job that ended as %s (%s) gives %i", (status, message, code) => {
  expect(rayExitCode({ status, message })).toBe(code)
})
