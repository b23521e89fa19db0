import { expect, it } from "vitest"
import { jobState, shortMessage } from "./ray-facts.ts"

it.each([
  ["", ""],
  ["Job finished successfully.", "Job finished successfully."],
  ["It ended with exit code 3, last available logs (truncated):\nno\nno", "It ended with exit code 3"],
  [
    "Deploying app 'a' failed with exception:\nTraceback (most recent call last):\n  File\nImportError: no a\n",
    "Deploying app 'a' failed with exception: ImportError: no a",
  ],
])("%j is in short %j", (message, short) => {
  expect(shortMessage(message)).toBe(short)
})

it("says of a job that is over nothing that Ray said before", () => {
  const said = (jobDeploymentStatus: string, jobStatus: string) =>
    jobState({ jobDeploymentStatus, jobStatus })
  expect(said("Failed", "PENDING")).toBe("Failed")
  expect(said("Running", "PENDING")).toBe("Running (PENDING)")
  expect(said("Complete", "SUCCEEDED")).toBe("Complete (SUCCEEDED)")
})
