import { expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"

const { berth, serve } = useTestCli()

it("berth ray logs passes on nothing of a log that steers the terminal", async () => {
  const log = "\u001b]0;root\u0007\u001b[32mgreen\u001b[0m\u001b[2J\nthe end"
  await serve({
    "GET /apis/v1/namespaces/default/jobsubmissions/demo/log/raysubmit_1": () => ({ body: { log } }),
  })
  const argv = ["ray", "logs", "demo/raysubmit_1"]
  expect((await berth(argv, { isTty: true })).out).toBe("\u001b[32mgreen\u001b[0m\u001b[0m\nthe end\n")
  expect((await berth(argv)).out).toBe("green\nthe end\n")
})
