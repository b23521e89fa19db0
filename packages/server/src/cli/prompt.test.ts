import { PassThrough } from "node:stream"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createPrompt, type TypedInput } from "./prompt.ts"

/** A terminal that says what it was told, in order. */
function createTestInput() {
  const told: string[] = []
  const typed = new PassThrough()
  let isRefused = false
  const listeners = new Set<(signal: NodeJS.Signals) => void>()
  const input = Object.assign(typed, {
    setRawMode(isRaw: boolean) {
      // as Node does
      if (isRefused) typed.emit("error", new Error("setRawMode EIO"))
      told.push(isRaw ? "raw" : "cooked")
      return typed
    },
  }) as unknown as TypedInput
  const ask = createPrompt({
    input,
    write: (text) => void told.push(text),
    onSignal(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  })
  const refuseRaw = () => {
    isRefused = true
  }
  return { ask, told, typed, listeners, refuseRaw }
}

let at: ReturnType<typeof createTestInput>
let before: number
beforeEach(() => {
  at = createTestInput()
  before = at.typed.listenerCount("end")
})
afterEach(() => {
  // nothing is left that would keep the process, or act later
  const { listeners, typed, told } = at
  const raws = told.filter((text) => text === "raw").length - told.filter((text) => text === "cooked").length
  const left = [listeners.size, typed.listenerCount("data"), typed.listenerCount("end") - before, raws]
  if (left.some((count) => count !== 0) || !typed.isPaused())
    throw new Error(`Left behind: ${left.join(", ")}`)
})

describe("a question", () => {
  it("that is hidden is asked once nothing is shown any more, and shows none of the answer", async () => {
    const answer = at.ask("Password: ", true)
    at.typed.write("secret\r")
    expect(await answer).toBe("secret")
    expect(at.told).toEqual(["raw", "Password: ", "cooked", "\n"])
  })

  it("that is not leaves the line to the terminal", async () => {
    const answer = at.ask("User: ")
    at.typed.write("ann\n")
    expect(await answer).toBe("ann")
    expect(at.told).toEqual(["User: "])
  })

  it("is answered by what was typed ahead", async () => {
    const name = at.ask("User: ")
    at.typed.write("ann\nsecret\r")
    expect(await name).toBe("ann")
    expect(await at.ask("Password: ", true)).toBe("secret")
  })

  it.each([true, false])("is over when the input ends, and so is the next (hidden: %s)", async (isHidden) => {
    const answer = at.ask("Password: ", isHidden)
    at.typed.end()
    await expect(answer).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining("ended") })
    await expect(at.ask("Again: ", isHidden)).rejects.toMatchObject({ exitCode: 1 })
  })

  it.each([
    ["sec\u0003", 130],
    ["sec\u0015\u0004", 1],
  ])("that is hidden ends with %j", async (typed, exitCode) => {
    const answer = at.ask("Password: ", true)
    at.typed.write(typed)
    await expect(answer).rejects.toMatchObject({ exitCode })
  })

  it.each([
    ["SIGINT", 130],
    ["SIGQUIT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 143],
  ] as const)("ends with %s, the terminal as before", async (signal, exitCode) => {
    const answer = at.ask("Password: ", true)
    at.typed.write("sec")
    for (const listener of at.listeners) listener(signal)
    await expect(answer).rejects.toMatchObject({ exitCode })
    expect(at.told).toEqual(["raw", "Password: ", "cooked", "\n"])
  })

  it("that cannot be hidden is not asked", async () => {
    at.refuseRaw()
    await expect(at.ask("Password: ", true)).rejects.toThrow("EIO")
    expect(at.told).not.toContain("Password: ")
  })

  it("ends when the terminal goes", async () => {
    const answer = at.ask("Password: ", true)
    at.typed.emit("error", new Error("read EIO"))
    await expect(answer).rejects.toThrow("EIO")
  })
})
